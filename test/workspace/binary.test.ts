import { appendFile, mkdir, rename, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../tools/core/integrity.ts';
import type { ArtifactFacts } from '../../tools/core/release/delivery.ts';
import { verifyArtifact } from '../../tools/workspace/artifact-file.ts';
import { confine } from '../../tools/workspace/confine.ts';
import { findBinary, readBinary } from '../../tools/workspace/firmware/binary.ts';
import { type FileStamp, isSettled, readStamp } from '../../tools/workspace/firmware/file-stamp.ts';
import { createPayload } from '../../tools/workspace/firmware/payload.ts';
import { rejection } from '../support/code.ts';
import { createFolder } from '../support/temporary-workspace.ts';

describe('a firmware file', () => {
  it('must be there, be a file, and have bytes', async () => {
    const folder = await createFolder({ empty: '', 'app.bin': 'abc' });
    await mkdir(join(folder, 'dir'));
    expect(await findBinary(join(folder, 'app.bin'))).toMatchObject({ sizeBytes: 3 });
    expect((await rejection(findBinary(join(folder, 'none')))).code).toBe('binary-missing');
    expect((await rejection(findBinary(join(folder, 'app.bin/x')))).code).toBe('binary-missing');
    expect((await rejection(findBinary(join(folder, 'dir')))).code).toBe('binary-not-a-file');
    expect((await rejection(findBinary(join(folder, 'empty')))).code).toBe('binary-empty');
  });

  it('that is there but cannot be opened is named so', async () => {
    const folder = await createFolder();
    await symlink('loop.bin', join(folder, 'loop.bin')); // the system gives up: ELOOP
    expect(await rejection(findBinary(join(folder, 'loop.bin')))).toMatchObject({
      code: 'binary-unreadable',
      message: expect.stringContaining('ELOOP'),
    });
  });

  it('is read once, in order, with size and hash', async () => {
    const bytes = new Uint8Array(3 * 1024 * 1024 + 17).map((_, index) => index % 251);
    const folder = await createFolder({ 'app.bin': bytes });
    const chunks: Uint8Array[] = [];
    const fingerprint = await readBinary(join(folder, 'app.bin'), (chunk) => {
      chunks.push(Uint8Array.from(chunk));
    });
    expect(fingerprint).toEqual(fingerprintOf(bytes));
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  it('must not change while it is read', async () => {
    const folder = await createFolder({ 'app.bin': new Uint8Array(1024) });
    const path = join(folder, 'app.bin');
    const error = await rejection(readBinary(path, () => appendFile(path, 'more')));
    expect(error.code).toBe('binary-changed');
  });
});

/** Returns when the clock of the file system shows another time than it did for the stamp. */
async function clockTick(folder: string, { changedNs }: FileStamp): Promise<void> {
  const path = join(folder, 'tick');
  do await writeFile(path, '');
  while ((await readStamp(path)).changedNs === changedNs);
}

const facts = (bytes: string): ArtifactFacts => ({
  product: 'p',
  hardware: 'h',
  version: '1',
  artifact: 'a',
  filename: 'a.bin',
  ...fingerprintOf(Buffer.from(bytes)),
});

describe('an artifact', () => {
  const artifact = (bytes: string) => {
    const { sizeBytes: size, sha256 } = fingerprintOf(Buffer.from(bytes));
    return { name: 'a', filename: 'a.bin', size, sha256: sha256.toUpperCase() };
  };

  it('is verified by size and hash, the case of the hash aside', async () => {
    const folder = await createFolder({ 'a.bin': 'hello' });
    const path = join(folder, 'a.bin');
    await expect(verifyArtifact(path, artifact('hello'))).resolves.toBeUndefined();
    expect((await rejection(verifyArtifact(path, artifact('hullo')))).code).toBe(
      'artifact-hash-mismatch',
    );
    expect((await rejection(verifyArtifact(path, artifact('hell')))).code).toBe(
      'artifact-size-mismatch',
    );
    expect((await rejection(verifyArtifact(folder, artifact('x')))).code).toBe('artifact-missing');
  });

  it('is streamed as often as asked', async () => {
    const folder = await createFolder({ 'a.bin': 'hello' });
    const payload = createPayload(join(folder, 'a.bin'), facts('hello'));
    expect(await text(payload.stream())).toBe('hello');
    expect(await text(payload.stream())).toBe('hello');
    expect(Buffer.from(await payload.bytes()).toString()).toBe('hello');
  });

  it('is not completed when the file changed after it was verified', async () => {
    const folder = await createFolder({ 'a.bin': 'x'.repeat(3_000_000) });
    const payload = createPayload(join(folder, 'a.bin'), facts('y'.repeat(3_000_000)));
    let received = 0;
    const reading = (async () => {
      for await (const chunk of payload.stream()) received += (chunk as Uint8Array).length;
    })();
    expect((await rejection(reading)).code).toBe('artifact-hash-mismatch');
    expect(received).toBeLessThan(3_000_000);
    expect((await rejection(payload.bytes())).code).toBe('artifact-hash-mismatch');
  });

  it('that kept its stamp since it was verified is handed out without hashing it again', async () => {
    const folder = await createFolder({ 'a.bin': 'hello' });
    const path = join(folder, 'a.bin');
    const otherHash = facts('hullo'); // shows that nothing is hashed
    const payload = createPayload(path, otherHash, await readStamp(path));
    expect(await text(payload.stream())).toBe('hello');
  });

  it.each(['written to', 'replaced', 'set back in time'])(
    'that was %s after it was verified is not completed',
    async (how) => {
      const folder = await createFolder({ 'a.bin': 'hello', 'b.bin': 'hullo' });
      const path = join(folder, 'a.bin');
      const { atime, mtime } = await stat(path);
      const stamp = await readStamp(path);
      if (how === 'written to') await appendFile(path, '!');
      if (how === 'replaced') await rename(join(folder, 'b.bin'), path);
      if (how === 'set back in time') {
        await clockTick(folder, stamp);
        await writeFile(path, 'hullo');
        await utimes(path, atime, mtime);
      }
      const payload = createPayload(path, facts('hello'), stamp);
      const error = await rejection(text(payload.stream()));
      expect(error.code).toBe('artifact-hash-mismatch');
    },
  );

  it('that changed a moment ago is not settled: the clock of the file system may not have moved', async () => {
    const folder = await createFolder({ 'a.bin': 'hello' });
    const stamp = await readStamp(join(folder, 'a.bin'));
    expect(isSettled(stamp, new Date())).toBe(false);
    expect(isSettled(stamp, new Date(Date.now() + 10_000))).toBe(true);
  });

  it('that vanished ends the stream with an error', async () => {
    const folder = await createFolder();
    await expect(text(createPayload(join(folder, 'none'), facts('x')).stream())).rejects.toThrow(
      'ENOENT',
    );
  });
});

describe('paths from a manifest', () => {
  it('stay inside the workspace', async () => {
    const folder = await createFolder({ 'ota/a/b.json': '1', 'outside/c.json': '1' });
    const ota = join(folder, 'ota');
    expect(await confine([ota], ota, 'a/b.json', '1')).toBe(join(ota, 'a/b.json'));
    expect(await confine([ota], ota, 'a/../a/b.json', '1')).toBe(join(ota, 'a/b.json'));
    for (const path of [
      '../outside/c.json',
      join(folder, 'outside/c.json'),
      '/etc/passwd',
      'a/../../x',
    ]) {
      expect((await rejection(confine([ota], ota, path, '1'))).code).toBe('path-escapes');
    }
  });

  it('may lead to the folder that was given as output', async () => {
    const folder = await createFolder({ 'outside/c.json': '1' });
    const roots = [join(folder, 'ota'), join(folder, 'outside')];
    expect(await confine(roots, join(folder, 'ota'), '../outside/c.json', '1')).toBe(
      join(folder, 'outside/c.json'),
    );
  });

  it('do not leave through a symbolic link', async () => {
    const folder = await createFolder({ 'ota/x': '1', 'outside/c.json': '1' });
    await symlink(join(folder, 'outside'), join(folder, 'ota/link'));
    const attempt = confine([join(folder, 'ota')], join(folder, 'ota'), 'link/c.json', '1');
    expect((await rejection(attempt)).code).toBe('path-escapes');
  });

  it('to a sibling with the same beginning are outside', async () => {
    const folder = await createFolder({ 'ota/x': '1', 'ota-private/c': '1' });
    const attempt = confine([join(folder, 'ota')], join(folder, 'ota'), '../ota-private/c', '1');
    expect((await rejection(attempt)).code).toBe('path-escapes');
  });
});

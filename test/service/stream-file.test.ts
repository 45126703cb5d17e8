import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFileStreams } from '../../tools/service/artifacts/stream-file.ts';

const mebi = 1024 * 1024;
const bytes = randomBytes(3 * mebi + 7);
let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-stream-'));
  path = join(folder, 'file');
  await writeFile(path, bytes);
});
afterAll(() => rm(folder, { recursive: true }));

describe('the stream of a file', () => {
  it('gives the whole, or a part with both its ends', async () => {
    const streamFile = createFileStreams();
    const whole = await buffer(streamFile(await open(path)));
    expect(createHash('sha256').update(whole).digest('hex')).toBe(
      createHash('sha256').update(bytes).digest('hex'),
    );
    const part = await buffer(streamFile(await open(path), { start: 5, end: mebi }));
    expect(part.equals(bytes.subarray(5, mebi + 1))).toBe(true);
  });

  it('closes the file when it is through, and when nobody wants it any more', async () => {
    const streamFile = createFileStreams();
    const read = await open(path);
    const whole = streamFile(read);
    await Promise.all([once(whole, 'close'), buffer(whole)]);
    expect(read.fd).toBe(-1);
    const unread = await open(path);
    const unwanted = streamFile(unread);
    await Promise.all([once(unwanted, 'close'), unwanted.destroy()]);
    expect(unread.fd).toBe(-1);
  });

  it('ends where a file ends that is shorter than it should be', async () => {
    const part = await buffer(
      createFileStreams()(await open(path), { start: 3 * mebi, end: 9 * mebi }),
    );
    expect(part.length).toBe(7);
  });

  it('gives small chunks when many receivers are slow, and large ones when they are gone', async () => {
    const streamFile = createFileStreams();
    const firstChunk = async () => {
      const stream = streamFile(await open(path), { start: 0, end: 3 * mebi });
      const length = new Promise<number>((resolve) => {
        stream.once('data', (chunk: Buffer) => {
          stream.pause();
          resolve(chunk.length);
        });
      });
      return { stream, length: await length };
    };
    const slow = [];
    for (let count = 0; count < 200; count += 1) slow.push(await firstChunk());
    expect(slow[0]?.length).toBe(mebi / 2);
    expect(slow.at(-1)?.length).toBe(mebi / 16);
    for (const { stream } of slow) await Promise.all([once(stream, 'close'), stream.destroy()]);
    const { stream, length } = await firstChunk();
    expect(length).toBe(mebi / 2);
    stream.destroy();
  });
});

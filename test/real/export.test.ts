import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runOta } from '../support/io.ts';
import { type RealNginx, startNginx } from '../support/real-nginx.ts';
import { run } from '../support/run.ts';
import { createProduct } from '../support/signed-product.ts';
import { sampleImage } from '../support/temporary-workspace.ts';

const firmware = Buffer.from(sampleImage());
const md5 = createHash('md5').update(firmware).digest('hex');

/** Exports version 1.2.3, and returns the folder. */
async function exported(format: string): Promise<string> {
  const { folder } = await createProduct();
  const ran = await runOta(['export', '--format', format, '--out', 'public'], { cwd: folder });
  expect(ran.exitCode, ran.stderr).toBe(0);
  return join(folder, 'public');
}

describe('what coreutils say of an export', () => {
  it('sha256sum -c accepts checksums, and refuses a changed file', async () => {
    const cwd = await exported('checksums');
    const check = () => run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd });
    expect(await check()).toEqual({ exitCode: 0, output: 'Gateway-1.2.3.bin: OK\n' });
    await writeFile(join(cwd, 'Gateway-1.2.3.bin'), sampleImage('1.2.3', 9));
    expect((await check()).exitCode).toBe(1);
  });

  it('md5sum -c accepts the MD5 of http-update', async () => {
    const cwd = await exported('http-update');
    const args = ['--check', '--strict', 'firmware.bin.md5'];
    expect(await run('md5sum', args, { cwd })).toEqual({
      exitCode: 0,
      output: 'firmware.bin: OK\n',
    });
  });
});

describe("nginx with the configuration of http-update answers Arduino's updater", () => {
  async function serve(): Promise<RealNginx> {
    const folder = await exported('http-update');
    const server = await startNginx({
      server: [`root ${folder};`, `include ${folder}/nginx.conf;`],
    });
    onTestFinished(server.stop);
    return server;
  }

  it('with the firmware, its length and its MD5, when it runs another version', async () => {
    const server = await serve();
    for (const prefix of ['ESP32', 'ESP8266']) {
      const headers = {
        'User-Agent': `${prefix}-http-Update`,
        [`x-${prefix}-mode`]: 'sketch',
        [`x-${prefix}-version`]: '1.2.2',
        [`x-${prefix}-sketch-md5`]: '0'.repeat(32),
      };
      const answer = await fetch(`${server.url}/firmware.bin`, { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-length')).toBe(String(firmware.length));
      expect(answer.headers.get('content-type')).toBe('application/octet-stream');
      expect(answer.headers.get('x-MD5')).toBe(md5);
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(firmware);
    }
  });

  it.each([
    ['304 when it runs this version', 304, 'x-ESP32-version', '1.2.3'],
    ['304 when it runs this version', 304, 'x-ESP8266-version', '1.2.3'],
    ['304 when it runs these very bytes', 304, 'x-ESP32-sketch-md5', md5],
    ['304 when it runs these very bytes', 304, 'x-ESP8266-sketch-md5', md5],
    ['403 when it asks for a file system', 403, 'x-ESP32-mode', 'spiffs'],
    ['403 when it asks for a file system', 403, 'x-ESP8266-mode', 'littlefs'],
  ])('with %s: %i for %s', async (_what, status, header, value) => {
    const server = await serve();
    const answer = await fetch(`${server.url}/firmware.bin`, { headers: { [header]: value } });
    expect(answer.status).toBe(status);
    expect((await answer.arrayBuffer()).byteLength === firmware.length).toBe(false);
  });
});

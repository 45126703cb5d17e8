import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseServiceConfig } from '../../tools/service/config.ts';
import { startServer } from '../../tools/service/server.ts';
import { adminKey, clientOf } from '../support/service.ts';

describe('a service that is told to end', () => {
  it('ends, also when somebody takes a download too slowly, and keeps what it knows', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ota-end-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const env = { API_KEY: adminKey, OTA_CACHE_BYTES: '0', OTA_LOG_LEVEL: 'silent' };
    const config = parseServiceConfig(folder, { port: 0 }, env, undefined);
    const start = () => startServer({ config, now: Date.now, log: () => undefined, drainMs: 300 });
    const first = await start();
    const client = clientOf(first.url);
    await client.upload('1.0.0', Buffer.alloc(20_000_000, 'an image of another kind '));
    await client.check('d1', '9.0.0');
    const { last_seen: before } = (await client.call('GET', '/api/admin/devices/d1')).body;
    const socket = connect(Number(new URL(first.url).port), '127.0.0.1').on(
      'error',
      () => undefined,
    );
    socket.write('GET /api/firmware/download/1.0.0 HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    socket.pause();
    await client.check('d1', '9.0.0'); // in memory only
    await first.close();
    const second = await start();
    onTestFinished(() => second.close());
    const { body } = await clientOf(second.url).call('GET', '/api/admin/devices/d1');
    expect(Date.parse(String(body.last_seen))).toBeGreaterThan(Date.parse(String(before)));
    socket.destroy();
  });
});

describe('a service that starts', () => {
  it('makes a key when no administrator has one that lets him in', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ota-start-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const config = parseServiceConfig(folder, { port: 0 }, { OTA_LOG_LEVEL: 'silent' }, undefined);
    let nowMs = Date.now();
    const start = () => startServer({ config, now: () => nowMs, log: () => undefined });
    const first = await start();
    const { call } = clientOf(first.url);
    const admin = { 'x-api-key': first.newAdminKey };
    const short = { name: 'short', role: 'admin', ttl_seconds: 60 };
    expect((await call('POST', '/api/v1/keys', short, admin)).status).toBe(201);
    expect((await call('DELETE', '/api/v1/keys/admin', undefined, admin)).status).toBe(200);
    await first.close();
    const second = await start();
    expect(second.newAdminKey).toBeUndefined();
    await second.close();
    nowMs += 61_000;
    const third = await start();
    onTestFinished(() => third.close());
    expect(third.newAdminKey).toMatch(/^ota_/);
  });
});

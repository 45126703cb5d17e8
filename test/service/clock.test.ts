import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startService } from '../support/service.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A service whose clock can be set. */
async function start(auth?: string) {
  let aheadMs = 0;
  const service = await startService({ now: () => Date.now() + aheadMs });
  await service.upload('2.0.0', Buffer.from('an image of another kind'));
  await service.rollout('all', '2.0.0');
  if (auth !== undefined) await service.call('PUT', '/api/v1/models/esp32', { auth });
  return {
    service,
    setAhead(ms: number) {
      aheadMs = ms;
    },
  };
}

describe('when the clock of the service is set', () => {
  it('a token and a key are good again when a jump ahead is taken back', async () => {
    const { service, setAhead } = await start();
    const { token } = (
      await service.call('POST', '/api/v1/tokens', {
        subject: 'x',
        kind: 'admin',
        role: 'viewer',
        ttl_seconds: 3600,
      })
    ).body;
    const made = { name: 'k', role: 'viewer', ttl_seconds: 3600 };
    const { key } = (await service.call('POST', '/api/v1/keys', made)).body;
    const statuses = async () =>
      Promise.all(
        [String(token), String(key)].map(async (bearer) => {
          const headers = { authorization: `Bearer ${bearer}` };
          return (await service.call('GET', '/api/admin/devices', undefined, headers)).status;
        }),
      );
    expect(await statuses()).toEqual([200, 200]);
    setAhead(dayMs);
    expect(await statuses()).toEqual([401, 401]);
    setAhead(-hourMs);
    expect(await statuses()).toEqual([200, 200]);
  });

  it('a download address may end early, and the next check gives a good one', async () => {
    const { service, setAhead } = await start('token');
    const { token } = (
      await service.call('POST', '/api/v1/tokens', {
        subject: 'd1',
        kind: 'device',
        ttl_seconds: 1_000_000,
      })
    ).body;
    const check = async () => {
      const path = '/api/firmware/check?device_id=d1&device_model=esp32&current_version=1.0.0';
      const headers = { authorization: `Bearer ${token}` };
      return String((await service.call('GET', path, undefined, headers)).body.download_url);
    };
    const fetchIt = async (path: string) => (await fetch(`${service.url}${path}`)).status;
    const before = await check();
    setAhead(dayMs);
    expect(await fetchIt(before)).toBe(403);
    expect(await fetchIt(await check())).toBe(200);
    setAhead(-hourMs);
    expect([await fetchIt(before), await fetchIt(await check())]).toEqual([200, 200]);
  });

  it('a signed request counts as far as the clocks of both sides agree', async () => {
    const { service, setAhead } = await start('hmac');
    const { key } = (await service.call('GET', '/api/v1/devices/d1/key')).body;
    const path = '/api/firmware/check?device_id=d1&device_model=esp32&current_version=1.0.0';
    const status = async () => {
      const seconds = Math.floor(Date.now() / 1000);
      const text = `${seconds}\nGET\n${path}\n`;
      const hex = createHmac('sha256', String(key)).update(text).digest('hex');
      const headers = { 'x-device-signature': `${seconds}:${hex}` };
      return (await service.call('GET', path, undefined, headers)).status;
    };
    expect(await status()).toBe(200);
    setAhead(hourMs);
    expect(await status()).toBe(401);
    setAhead(60_000);
    expect(await status()).toBe(200);
  });

  it('the history of a device stays in order, and tells the same', async () => {
    const { service, setAhead } = await start();
    await service.check('d1', '1.0.0');
    await service.report('d1', '2.0.0', 'downloading');
    setAhead(dayMs);
    await service.report('d1', '2.0.0', 'installing');
    await service.check('d2', '1.0.0');
    setAhead(-hourMs);
    await service.check('d1', '1.0.0'); // started over
    expect((await service.report('d1', '2.0.0', 'downloading')).status).toBe(200);
    await service.report('d1', '2.0.0', 'success');
    setAhead(0);
    await service.check('d1', '2.0.0');
    const { body } = await service.call('GET', '/api/admin/devices/d1');
    const history = (body.history as unknown as { at: string; to: string }[]).reverse();
    expect(history.map(({ to }) => to)).toEqual([
      ...['pending', 'downloading', 'installing', 'failed'],
      ...['downloading', 'installed', 'confirmed'],
    ]);
    const times = history.map(({ at }) => at);
    expect(times).toEqual([...times].sort());
  });

  it('devices were last seen when they were, not tomorrow', async () => {
    const { service, setAhead } = await start();
    await service.check('d1', '9.0.0');
    setAhead(dayMs);
    await service.check('d1', '9.0.0');
    setAhead(0);
    await service.check('d1', '9.0.0');
    const { body } = await service.call('GET', '/api/admin/devices/d1');
    expect(Math.abs(Date.parse(String(body.last_seen)) - Date.now())).toBeLessThan(hourMs);
  });
});

import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { adminKey, startService } from '../support/service.ts';

/** A service with the draft of a rollout, and requests that arrive in one moment. */
async function startWithDraft() {
  const service = await startService();
  await service.upload('1.1.0', buildImage({ chip: 'esp32', project: 'app', version: '1.1.0' }));
  await service.rollout('r', '1.1.0', { is_active: false });
  const send = (method: 'POST' | 'DELETE', act: string) =>
    service.app.inject({
      method,
      url: `/api/admin/rollout/r${act}`,
      headers: { 'x-api-key': adminKey },
    });
  return { ...service, send };
}

describe('a rollout that two people change in the same moment', () => {
  it('is not deleted when it has just been started', async () => {
    const { send, check } = await startWithDraft();
    const answers = await Promise.all([send('POST', '/start'), send('DELETE', '')]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 409]);
    expect(await check('d1', '1.0.0')).toMatchObject({ update_available: true });
  });
});

import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createWire } from '../../tools/transports/mqtt/receiver/wire.ts';

describe('a connection that has ended', () => {
  it('keeps no timer', async () => {
    const wire = await createWire({
      open: () => new PassThrough(),
      version: 5,
      peer: 'broker',
      largestMessageBytes: 1000,
    });
    wire.fail(new Error('over'));
    const timers = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    // As when a broker hangs up right behind CONNACK.
    wire.keepAlive(60);
    expect(timers()).toBe(before);
  });
});

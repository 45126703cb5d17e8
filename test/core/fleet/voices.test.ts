import { describe, expect, it } from 'vitest';
import { hearVoice, type Voices } from '../../../tools/core/fleet/commands/voices.ts';

const hourS = 3600;

/** Whether several are heard in these messages: seconds since the first, and the uptime that each tells. */
function several(...messages: [atS: number, uptimeS: number | undefined, retained?: boolean][]) {
  const start: Voices = { several: false };
  return messages.reduce((voices, [atS, uptimeS, retained = false]) => {
    const status = {
      state: 'idle' as const,
      extra: {},
      ...(uptimeS === undefined ? {} : { uptimeS }),
    };
    return hearVoice(voices, { status, retained, receivedAtMs: atS * 1000 });
  }, start).several;
}

describe('those who speak on one topic without a name', () => {
  it('may be one device, through its boots', () => {
    expect(several([0, hourS], [10, hourS + 10], [20, 1], [30, 11], [40, 0])).toBe(false);
  });

  it('are several when one tells of an earlier boot than another', () => {
    expect(several([0, hourS], [1, 10 * hourS])).toBe(true);
    expect(several([0, 10 * hourS], [1, hourS], [2, 10 * hourS + 2])).toBe(true);
  });

  it('are several when one has booted and another speaks from before', () => {
    expect(several([0, hourS], [60, 1], [61, hourS + 61])).toBe(true);
  });

  it('may be one device whose messages were kept back for a while', () => {
    expect(several([300, hourS], [301, hourS + 301])).toBe(false);
    expect(several([0, hourS], [5, 100 * hourS, true])).toBe(false);
  });

  it('are not told apart when they say nothing of their uptime', () => {
    expect(several([0, undefined], [1, undefined])).toBe(false);
  });
});

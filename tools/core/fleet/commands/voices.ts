import type { Outcome, SeenStatus } from './wait.ts';

/** What is known of those who speak on one topic without a name. */
export interface Voices {
  /** The latest boot that any message tells of. */
  readonly bootedAtMs?: number;
  /** It cannot all be one device. */
  readonly several: boolean;
}

/** Longer than a broker or a device keeps a message back while a connection is broken. */
const latestMs = 600_000;

/**
 * Takes one message into account. A device that boots again has a later boot, never an earlier one; so a message of an
 * earlier boot than another told of comes from somebody else. Devices that were switched on together are not
 * told apart: `several` is proof, its absence is none.
 */
export function hearVoice(voices: Voices, { status, retained, receivedAtMs }: SeenStatus): Voices {
  if (retained || status.uptimeS === undefined) return voices;
  const bootedAtMs = receivedAtMs - status.uptimeS * 1000;
  const { bootedAtMs: known = bootedAtMs } = voices;
  return {
    bootedAtMs: Math.max(known, bootedAtMs),
    several: voices.several || bootedAtMs < known - latestMs,
  };
}

/** How it ends where several devices speak and none says who it is. */
export function indistinct(topic: string): Outcome {
  return {
    kind: 'indistinct',
    ok: false,
    reason: `several devices speak on ${topic} and do not say who they are (no device_id)`,
  };
}

/** What a result must say when messages had no name. */
export function namelessWarning(topic: string, counted: boolean): string {
  const consequence = counted
    ? 'the outcome is that of whoever spoke, one device or many'
    : 'they count for no device';
  return `messages on ${topic} do not say which device they are from (no device_id): ${consequence}; let devices send device_id, or give each a status topic: "status_topic": "fleet/{device}/ota/status"`;
}

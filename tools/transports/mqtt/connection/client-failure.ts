import type { Packet } from 'mqtt';
import { OtaError } from '../../../core/errors.ts';
import { DeliveryFailure } from '../../../core/release/delivery.ts';
import { toNetworkFailure } from '../../network-failure.ts';
import { reason, reasonOfReturnCode, refusal } from './reasons.ts';

/** Carries the refusal that is answered with another attempt. */
export class UnsupportedVersion extends Error {
  readonly failure: DeliveryFailure;
  constructor(failure: DeliveryFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** MQTT.js gives refusals a numeric code, network errors keep Node's. */
export function explain(error: unknown, peer: string, asked = 'the connection'): Error {
  const { code } = error as { code?: unknown };
  if (typeof code === 'number') {
    const reasonCode = reasonOfReturnCode[code] ?? code;
    const failure = refusal(peer, asked, reasonCode);
    return reasonCode === reason.unsupportedProtocolVersion
      ? new UnsupportedVersion(failure)
      : failure;
  }
  if (error instanceof OtaError) return error;
  if (error instanceof Error && /closed|disconnecting|timeout/i.test(error.message)) {
    return closedByPeer(peer, error);
  }
  try {
    return toNetworkFailure(error, peer);
  } catch {
    return error as Error;
  }
}

/** SUBACK with 0x80 alone comes as an error without a number. */
export function explainSubscription(error: unknown, peer: string, filter: string): Error {
  const packet = (error as { packet?: Packet & { granted?: number[] } }).packet;
  const code = packet?.granted?.[0];
  const asked = `the subscription to ${filter}`;
  if (code !== undefined) return refusal(peer, asked, code === 0x80 ? notAuthorized : code);
  return explain(error, peer, asked);
}

/** MQTT 5 §3.9.3: what 3.1.1 can only call a failure (0x80) is, in practice, a missing right. */
const notAuthorized = 0x87;

export function closedByPeer(peer: string, cause?: Error): DeliveryFailure {
  return new DeliveryFailure('connection-failed', `${peer} closed the connection`, {
    hint: 'Check scheme, port and credentials; the log of the broker tells more.',
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });
}

export function noAnswer(peer: string, timeoutMs: number): DeliveryFailure {
  return new DeliveryFailure('timeout', `${peer} did not answer for ${timeoutMs / 1000} s`, {
    hint: 'Check host and port, and that the broker speaks MQTT there.',
    retryable: true,
  });
}

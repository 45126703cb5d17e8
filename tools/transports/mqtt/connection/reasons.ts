import type { IConnackPacket } from 'mqtt-packet';
import { quoted } from '../../../core/display-text.ts';
import type { ErrorCode } from '../../../core/error-codes.ts';
import { DeliveryFailure } from '../../../core/release/delivery.ts';

/** Reason codes that the code asks for by name (MQTT 5 §2.4). */
export const reason = {
  success: 0x00,
  noMatchingSubscribers: 0x10,
  unsupportedProtocolVersion: 0x84,
  sessionTakenOver: 0x8e,
  sharedNotSupported: 0x9e,
  /** Codes from here on are failures. */
  firstFailure: 0x80,
} as const;

interface Meaning {
  readonly name: string;
  readonly code?: ErrorCode;
  readonly retryable?: boolean;
  readonly hint?: string;
}

const credentials = 'Check `username` and `password` (or `cert` and `key`) of the channel.';
const permission =
  'Give the user the right to publish to this topic in the access list of the broker.';
const busy = 'The broker is overloaded or restarts; try again later.';
const size = 'Raise the packet limit of the broker, or deliver this artifact over HTTPS.';

/** MQTT 5 §2.4, as far as a broker may send them to a publisher. */
const meanings: Readonly<Record<number, Meaning>> = {
  128: { name: 'Unspecified error', retryable: true },
  129: { name: 'Malformed Packet' },
  130: { name: 'Protocol Error' },
  131: { name: 'Implementation specific error', retryable: true },
  132: {
    name: 'Unsupported Protocol Version',
    hint: 'Set `protocol_version` to the other one, 4 or 5.',
  },
  133: {
    name: 'Client Identifier not valid',
    hint: 'Set `client_id` to one that the broker allows.',
  },
  134: { name: 'Bad User Name or Password', code: 'unauthorized', hint: credentials },
  135: { name: 'Not authorized', code: 'unauthorized', hint: `${credentials} ${permission}` },
  136: { name: 'Server unavailable', retryable: true, hint: busy },
  137: { name: 'Server busy', retryable: true, hint: busy },
  138: { name: 'Banned', code: 'unauthorized', hint: 'The broker has banned this client.' },
  139: { name: 'Server shutting down', retryable: true, hint: busy },
  140: { name: 'Bad authentication method', code: 'unauthorized', hint: credentials },
  141: { name: 'Keep Alive timeout', retryable: true, hint: 'Raise `keepalive`.' },
  142: {
    name: 'Session taken over',
    hint: 'Another client uses the same `client_id`; leave it out, and each run gets its own.',
  },
  144: { name: 'Topic Name invalid', hint: 'Check `topic` and `metadata_topic`.' },
  145: { name: 'Packet Identifier in use', retryable: true },
  146: { name: 'Packet Identifier not found', retryable: true },
  147: { name: 'Receive Maximum exceeded', retryable: true },
  149: { name: 'Packet too large', code: 'mqtt-too-large', hint: size },
  150: { name: 'Message rate too high', retryable: true, hint: busy },
  151: {
    name: 'Quota exceeded',
    retryable: true,
    hint: 'The broker or the account has reached a limit.',
  },
  152: { name: 'Administrative action', retryable: true },
  153: { name: 'Payload format invalid' },
  154: { name: 'Retain not supported', code: 'mqtt-unsupported', hint: 'Set `retain` to false.' },
  155: { name: 'QoS not supported', code: 'mqtt-unsupported', hint: 'Lower `qos`.' },
  156: { name: 'Use another server', hint: 'Set `broker` to the server that the operator names.' },
  157: { name: 'Server moved', hint: 'Set `broker` to the server that the operator names.' },
  158: { name: 'Shared Subscriptions not supported' },
  159: { name: 'Connection rate exceeded', retryable: true, hint: busy },
};

/** MQTT 3.1.1 §3.2.2.3: CONNACK return codes, as the reason codes that took their place. */
export const reasonOfReturnCode: Readonly<Record<number, number>> = {
  0: 0x00,
  1: 0x84,
  2: 0x85,
  3: 0x88,
  4: 0x86,
  5: 0x87,
};

/** The reason code of an answer: a 3.1.1 broker answers in its own way, also to an MQTT 5 CONNECT (§3.2.2.3). */
export function reasonOfConnack(answer: IConnackPacket): number {
  const code = answer.reasonCode ?? answer.returnCode ?? 0;
  return reasonOfReturnCode[code] ?? code;
}

/** So much of a broker's reason string is repeated. */
const longestWords = 200;

/**
 * What a broker's refusal means.
 *
 * @param asked what was refused: `the connection`, `the message to a/b`
 * @param words the broker's own reason string, if it sent one
 */
export function refusal(
  peer: string,
  asked: string,
  reasonCode: number,
  words?: string,
): DeliveryFailure {
  const meaning = meanings[reasonCode] ?? { name: 'unknown reason' };
  const number = `0x${reasonCode.toString(16).padStart(2, '0')}`;
  const said = words === undefined ? '' : `, ${quoted(words.slice(0, longestWords))}`;
  return new DeliveryFailure(
    meaning.code ?? 'mqtt-refused',
    `${peer} refused ${asked}: ${meaning.name} (${number}${said})`,
    {
      retryable: meaning.retryable ?? false,
      hint: meaning.hint ?? 'The log of the broker tells more.',
    },
  );
}

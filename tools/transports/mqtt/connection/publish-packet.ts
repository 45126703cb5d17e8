import type { IPublishPacket } from 'mqtt-packet';

/** MQTT 5 §1.5.5: the largest Remaining Length that four bytes can say. */
export const maximumRemainingLength = 268_435_455;

/** What precedes the payload on the wire, and how long the whole packet is. */
export interface PublishHead {
  readonly bytes: Buffer;
  readonly packetBytes: number;
}

/**
 * Takes an encoded PUBLISH without payload and makes it the head of one whose payload follows as a
 * stream, so that no firmware is ever held in memory (MQTT 5 §3.3: fixed header, variable header,
 * payload; only Remaining Length knows of the payload).
 */
export function createPublishHead(empty: Buffer, payloadBytes: number): PublishHead {
  let start = 1;
  while (((empty[start] ?? 0) & 0x80) !== 0) start += 1;
  const variableHeader = empty.subarray(start + 1);
  const remainingLength = variableHeader.length + payloadBytes;
  const bytes = Buffer.concat([
    empty.subarray(0, 1),
    encodeVariableByteInteger(remainingLength),
    variableHeader,
  ]);
  return { bytes, packetBytes: bytes.length + payloadBytes };
}

/** The packet to encode first. */
export type EmptyPublish = Omit<IPublishPacket, 'payload' | 'cmd' | 'dup'>;

/** MQTT 5 §1.5.5: seven bits a byte, lowest first; the highest bit says that more follow. */
function encodeVariableByteInteger(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const more = rest >= 0x80 ? 0x80 : 0;
    bytes.push((rest & 0x7f) | more);
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** A message that was thrown away unread. */
export interface OversizePublish {
  readonly topic: string;
  readonly qos: number;
  /** Absent for QoS 0. */
  readonly messageId: number | undefined;
  /** Remaining Length of the packet. */
  readonly bytes: number;
}

/** MQTT 5 §2.1.2: the packet type PUBLISH. */
const publishType = 3;
/** MQTT 5 §1.5.5: a length has four bytes at most. */
const longestLength = 4;

interface Skipping {
  readonly firstByte: number;
  readonly bytes: number;
  /** What must be read before the rest can be thrown away: topic and packet identifier. */
  head: Buffer;
  left: number;
}

/**
 * Passes the bytes of a connection on, without messages that exceed a limit: those are skipped as they come, so that
 * nobody can fill the memory. MQTT 3.1.1 has no other way to refuse them, and they must be acknowledged, or they
 * would come again.
 *
 * @param pass called with bytes as they are
 * @param skipped called when the last byte of a message that was too large is gone
 */
export function createOversizeFilter(
  limitBytes: number,
  pass: (bytes: Buffer) => void,
  skipped: (packet: OversizePublish) => void,
): (chunk: Buffer) => void {
  let header: number[] = [];
  let passing = 0;
  let skipping: Skipping | undefined;

  /** Returns how many bytes it took. */
  function take(chunk: Buffer): number {
    if (passing > 0) {
      const part = chunk.subarray(0, passing);
      passing -= part.length;
      pass(part);
      return part.length;
    }
    if (skipping !== undefined) {
      const part = chunk.subarray(0, skipping.left);
      skipping.left -= part.length;
      skipping.head = keepHead(skipping, part);
      if (skipping.left === 0) {
        skipped(describe(skipping));
        skipping = undefined;
      }
      return part.length;
    }
    header.push(chunk[0] ?? 0);
    const last = header.at(-1) ?? 0;
    // An endless length is passed on as well: the decoder says what is wrong with it.
    if (header.length === 1 || (last >= 0x80 && header.length <= longestLength)) return 1;
    begin();
    return 1;
  }

  function begin(): void {
    const bytes = header
      .slice(1)
      .reduce((sum, digit, index) => sum + (digit & 0x7f) * 128 ** index, 0);
    const firstByte = header[0] ?? 0;
    if (firstByte >> 4 === publishType && bytes > limitBytes) {
      skipping = { firstByte, bytes, head: Buffer.alloc(0), left: bytes };
    } else {
      passing = bytes;
      pass(Buffer.from(header));
    }
    header = [];
  }

  return (chunk) => {
    for (let rest = chunk; rest.length > 0; ) rest = rest.subarray(take(rest));
  };
}

/** MQTT 5 §3.3.2: two bytes of length, the topic, and two bytes of packet identifier unless QoS is 0. */
function keepHead({ head }: Skipping, part: Buffer): Buffer {
  if (head.length >= 2 && head.length >= headBytes(head)) return head;
  const joined = Buffer.concat([head, part.subarray(0, 0xffff + 4)]);
  return joined.length < 2 ? joined : joined.subarray(0, headBytes(joined));
}

function headBytes(head: Buffer): number {
  return 2 + head.readUInt16BE(0) + 2;
}

function describe({ firstByte, bytes, head }: Skipping): OversizePublish {
  const length = head.length < 2 ? 0 : head.readUInt16BE(0);
  const qos = (firstByte >> 1) & 0x03;
  const end = 2 + length;
  return {
    topic: head.subarray(2, end).toString(),
    qos,
    messageId: qos === 0 || head.length < end + 2 ? undefined : head.readUInt16BE(end),
    bytes,
  };
}

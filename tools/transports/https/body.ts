import type { ArtifactFacts, Payload } from '../../core/release/delivery.ts';
import { slicesOf } from '../slices.ts';

/** What goes over the wire as the body of the request: its length is known, its bytes are streamed. */
export interface RequestBody {
  readonly lengthBytes: number;
  readonly headers: Readonly<Record<string, string>>;
  /** @param onSent called with the bytes of the firmware that were handed to the connection so far */
  chunks(
    payload: Payload,
    signal: AbortSignal,
    onSent: (bytes: number) => void,
  ): AsyncIterable<Uint8Array>;
}

/** The bare firmware. */
export function binaryBody(facts: ArtifactFacts): RequestBody {
  return {
    lengthBytes: facts.sizeBytes,
    headers: {
      'Content-Type': 'application/octet-stream',
      // RFC 9530 §2: a structured field, bytes between colons.
      'Content-Digest': `sha-256=:${Buffer.from(facts.sha256, 'hex').toString('base64')}:`,
    },
    chunks: firmware,
  };
}

/**
 * RFC 7578: a form with one file. It has no Content-Digest: that would be the digest of the whole form.
 * The boundary comes from the firmware's hash, so that the same delivery makes the same bytes.
 */
export function multipartBody(facts: ArtifactFacts, field: string): RequestBody {
  const boundary = `ota-${facts.sha256.slice(0, 40)}`;
  const head = Buffer.from(
    `--${boundary}\r\n` +
      `Content-Disposition: form-data; name="${quoted(field)}"; filename="${quoted(facts.filename)}"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    lengthBytes: head.length + facts.sizeBytes + tail.length,
    headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
    async *chunks(payload, signal, onSent) {
      yield head;
      yield* firmware(payload, signal, onSent);
      yield tail;
    },
  };
}

async function* firmware(
  payload: Payload,
  signal: AbortSignal,
  onSent: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const slice of slicesOf(payload.stream(), payload.facts.sizeBytes, signal)) {
    // Asking for a slice means that the connection has taken those before. This one counts as well: when
    // the answer comes, nobody may have asked for another.
    sent += slice.length;
    onSent(sent);
    yield slice;
  }
}

/** As browsers do it: WHATWG HTML, "multipart/form-data encoding algorithm". */
function quoted(text: string): string {
  return text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

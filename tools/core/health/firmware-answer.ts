import { displayText } from '../display-text.ts';
import { failed, type HealthCheck, ok, warning } from './check.ts';

/** The answer of an update server to a request for the firmware, as far as devices depend on it. */
export interface FirmwareAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/**
 * What devices need of the answer to a plain GET.
 *
 * @param forGzip the answer to one that takes gzip, when there is one
 */
export function checkFirmwareAnswer(
  { headers }: FirmwareAnswer,
  sizeBytes: number,
  forGzip?: FirmwareAnswer,
): HealthCheck[] {
  return [
    checkLength(headers['content-length'], sizeBytes),
    checkCompression(headers['content-encoding'], forGzip?.headers['content-encoding']),
    checkEtag(headers.etag),
  ];
}

function checkLength(length: string | undefined, sizeBytes: number): HealthCheck {
  const name = 'Content-Length';
  if (length === undefined) {
    return failed(name, 'is missing', 'Switch chunked transfer and compression off.');
  }
  if (Number(length) === sizeBytes) return ok(name, `${sizeBytes}`);
  const message = `is ${displayText(length)}, the file has ${sizeBytes} bytes`;
  return failed(name, message, 'Publish again with `ota publish`.');
}

function checkCompression(plain: string | undefined, forGzip: string | undefined): HealthCheck {
  const name = 'no compression';
  const remedy = 'Exclude .bin from compression; send Cache-Control: no-transform.';
  if (isCompressed(plain)) {
    return failed(name, `Content-Encoding is ${displayText(plain)}`, remedy);
  }
  if (isCompressed(forGzip)) {
    return warning(name, `${displayText(forGzip)} for clients that take it`, remedy);
  }
  return ok(name, 'the bytes come as they are');
}

function isCompressed(encoding: string | undefined): encoding is string {
  return encoding !== undefined && encoding !== 'identity';
}

function checkEtag(etag: string | undefined): HealthCheck {
  const remedy = 'Switch ETags on (nginx: `etag on`), and compression off.';
  if (etag === undefined) {
    return warning('ETag', 'is missing: a download cannot be resumed safely', remedy);
  }
  // RFC 9110 §13.1.5: If-Range takes strong ones only.
  if (etag.startsWith('W/')) {
    return warning('ETag', `${displayText(etag)} is weak: a download cannot be resumed`, remedy);
  }
  return ok('ETag', displayText(etag));
}

/** What was asked for with `Range: bytes=<first>-<last>`. */
export interface AskedRange {
  readonly first: number;
  readonly last: number;
  /** The whole file. */
  readonly bytes: Uint8Array;
  /** The ETag that the whole file came with. */
  readonly etag: string | undefined;
}

/** What devices need of the answer to a Range request (RFC 9110 §14). */
export function checkRangeAnswer(
  { status, headers }: FirmwareAnswer,
  body: Uint8Array,
  asked: AskedRange,
): HealthCheck {
  const { first, last, bytes, etag } = asked;
  const remedy = 'Let the server answer Range requests with 206: a resumed download depends on it.';
  if (status !== 206) return warning('Range', `is answered with ${status}`, remedy);
  if (!Buffer.from(body).equals(Buffer.from(bytes.subarray(first, last + 1)))) {
    return failed('Range', 'the bytes are not those that were asked for', remedy);
  }
  const expected = `bytes ${first}-${last}/${bytes.length}`;
  const said = headers['content-range'];
  if (said !== expected) {
    const found = said === undefined ? 'is missing' : `is "${displayText(said)}"`;
    return failed('Range', `Content-Range ${found}, not "${expected}"`, remedy);
  }
  if (headers.etag !== etag) {
    const same = 'Let every server behind the balancer give the same file the same ETag.';
    return warning('Range', 'the part has another ETag than the whole', same);
  }
  return ok('Range', '206 with the right bytes');
}

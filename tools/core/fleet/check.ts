/** One line of `ota doctor`. */
export interface HealthCheck {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  /** What was found. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** Certificates that end sooner deserve a warning: renewing takes days where devices are involved. */
const warnDays = 30;
const dayMs = 24 * 3600 * 1000;

/** What the end of a certificate means on a given day. */
export function checkExpiry(name: string, validTo: Date, now: Date): HealthCheck {
  const days = Math.floor((validTo.getTime() - now.getTime()) / dayMs);
  const until = validTo.toISOString().slice(0, 10);
  if (Number.isNaN(days) || days < 0) {
    return { name, status: 'failed', message: `expired on ${until}`, remedy: 'Renew it now.' };
  }
  if (days < warnDays) {
    const remedy = 'Renew it before devices refuse it.';
    return { name, status: 'warning', message: `expires on ${until}, in ${days} days`, remedy };
  }
  return { name, status: 'ok', message: `valid until ${until}` };
}

/** The answer of an update server to a request for the firmware, as far as devices depend on it. */
export interface FirmwareAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** What devices need of the answer to a plain GET (peers.md, 3, item 7). */
export function checkFirmwareAnswer(answer: FirmwareAnswer, sizeBytes: number): HealthCheck[] {
  const { headers } = answer;
  const length = headers['content-length'];
  const encoding = headers['content-encoding'];
  return [
    length === undefined
      ? failed('Content-Length', 'is missing', 'Switch chunked transfer and compression off.')
      : Number(length) === sizeBytes
        ? ok('Content-Length', `${length}`)
        : failed('Content-Length', `is ${length}, the file has ${sizeBytes} bytes`, republish),
    encoding === undefined || encoding === 'identity'
      ? ok('no compression', 'the bytes come as they are')
      : failed(
          'no compression',
          `Content-Encoding is ${encoding}`,
          'Exclude .bin from compression; send Cache-Control: no-transform.',
        ),
    headers.etag === undefined
      ? {
          name: 'ETag',
          status: 'warning',
          message: 'is missing: a download cannot be resumed safely',
          remedy: 'Switch ETags on (nginx: `etag on`).',
        }
      : ok('ETag', headers.etag),
  ];
}

/** What devices need of the answer to `Range: bytes=<first>-<last>` (RFC 9110 §14). */
export function checkRangeAnswer(
  answer: FirmwareAnswer,
  body: Uint8Array,
  expected: Uint8Array,
): HealthCheck {
  const remedy = 'Let the server answer Range requests with 206: a resumed download depends on it.';
  if (answer.status !== 206) {
    return {
      name: 'Range',
      status: 'warning',
      message: `is answered with ${answer.status}`,
      remedy,
    };
  }
  if (!Buffer.from(body).equals(Buffer.from(expected))) {
    return failed('Range', 'the bytes are not those that were asked for', remedy);
  }
  return ok('Range', '206 with the right bytes');
}

export function ok(name: string, message: string): HealthCheck {
  return { name, status: 'ok', message };
}

export function failed(name: string, message: string, remedy: string): HealthCheck {
  return { name, status: 'failed', message, remedy };
}

const republish = 'Publish again with `ota publish`.';

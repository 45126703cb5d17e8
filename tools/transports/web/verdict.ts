import { DeliveryFailure } from '../../core/release/delivery.ts';
import { explainUpdaterError, mayHaveCommitted, passwordMissing, shown } from '../lan/failures.ts';

/** What a web updater answered. */
export interface WebAnswer {
  readonly status: number;
  /** The challenge of a 401 (RFC 9110 §11.6.1). */
  readonly authenticate: string | undefined;
  readonly body: string;
}

export interface Asked {
  readonly path: string;
  readonly hasPassword: boolean;
  /** Whether all bytes of the image had left before the answer came. */
  readonly whole: boolean;
}

/**
 * Judges an answer by its words: ESPHome and most others say 200 whatever happened. Returns the words when
 * the update is done.
 *
 * @throws DeliveryFailure
 */
export function judgeAnswer(answer: WebAnswer, asked: Asked): string {
  const { status } = answer;
  const words = shown(answer.body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' '));
  if (status === 401 || status === 403) throw explainUnauthorized(answer, asked);
  if (status === 404 || status === 405 || status === 501) {
    throw new DeliveryFailure(
      'http-status',
      `there is no web updater at ${asked.path} (${status})`,
      {
        hint: 'Does its firmware have `ota: - platform: web_server`? Other updaters have other paths: set `path`.',
        retryable: false,
      },
    );
  }
  if (status >= 400 || /fail|error/i.test(words)) {
    throw explainUpdaterError(words === '' ? `status ${status}` : words);
  }
  const good = status < 300 && /success|^ok\b|\breboot/i.test(words);
  if (good && asked.whole) return words;
  if (asked.whole) throw mayHaveCommitted(`it answered ${status} "${words}"`);
  throw new DeliveryFailure(
    'device-unexpected-answer',
    `the device answered ${status} "${words}" before it had the whole image`,
    { hint: 'Is this a web updater? Check --port and `path`.', retryable: false },
  );
}

/** Judges the answer to a look at the start page, where only a refused password matters. */
export function judgeProbe(answer: WebAnswer, asked: Pick<Asked, 'hasPassword'>): void {
  if (answer.status === 401 || answer.status === 403) throw explainUnauthorized(answer, asked);
}

function explainUnauthorized(
  answer: WebAnswer,
  asked: Pick<Asked, 'hasPassword'>,
): DeliveryFailure {
  if (!asked.hasPassword) return passwordMissing();
  const digestOnly = /^digest/i.test(answer.authenticate ?? '');
  return new DeliveryFailure(
    'unauthorized',
    `the device refuses user or password (${answer.status})`,
    {
      hint: digestOnly
        ? 'It wants digest authentication, which is not supported; push over `--protocol esphome` instead.'
        : 'Compare both with `web_server: auth:` of the firmware that now runs; `username` is "admin" unless set.',
      retryable: false,
    },
  );
}

import { DeliveryFailure } from '../../core/release/delivery.ts';
import { mayHaveCommitted, seconds } from '../lan/failures.ts';
import type { LinkBreak } from '../lan/line.ts';
import { deviceDataLimitMs, deviceHandshakeLimitMs } from './protocol.ts';
import { type DeviceRefusal, refusals } from './responses.ts';
import { type Phase, phaseWords, type SessionState } from './steps.ts';

/** Turns an error answer (0x80..0xFF) into the failure to report. Unknown ones keep their number. */
export function explainRefusal(answer: number, phase: Phase): DeliveryFailure {
  const { code, message, hint } = findRefusal(answer, phase);
  return new DeliveryFailure(code, `${message} (answer ${toHex(answer)})`, {
    hint,
    retryable: false,
  });
}

type Explanation = Pick<DeviceRefusal, 'code' | 'message' | 'hint'>;

function findRefusal(answer: number, phase: Phase): Explanation {
  // ESP-IDF firmware of 2024 says ERROR_MAGIC also when the first byte of the image is not 0xE9.
  if (answer === 0x80 && phase !== 'greeting') {
    return {
      code: 'device-image-refused',
      message: 'the device says that this is not a firmware image',
      hint: 'Push the app image (`firmware.bin`), not a factory image: `ota inspect <file>`.',
    };
  }
  // Firmware since 2026.1 takes no MD5; to a client without SHA-256 it says so in place of a challenge.
  if (answer === 0x82 && phase === 'features') {
    return {
      code: 'device-unsupported',
      message: 'the device wants the password hashed with SHA-256, which it was not offered',
      hint: 'Please report this, with the firmware version of the device.',
    };
  }
  return (
    refusals.find((refusal) => refusal.answer === answer) ?? {
      code: 'device-error',
      message: 'the device reports an error that this version does not know',
      hint: 'Look at the device log; a newer version of this tool may know the number.',
    }
  );
}

/** An answer that the protocol does not allow here. Once the device has the whole image, nobody knows. */
export function explainUnexpected(answer: string, phase: Phase): DeliveryFailure {
  if (phase === 'finishing') return mayHaveCommitted(`it answered ${answer}`);
  return new DeliveryFailure(
    'device-unexpected-answer',
    `the device answered ${answer} ${phaseWords[phase]}, which the protocol does not allow there`,
    {
      hint: 'Is this ESPHome OTA, and is nothing in between? Look at the device log.',
      retryable: false,
    },
  );
}

/** Somebody else listens on that port. */
export function explainStranger(text: string): DeliveryFailure {
  const who = /^SSH-/.test(text)
    ? 'an SSH server'
    : /^HTTP\/|^<(?:!doctype|html)/i.test(text)
      ? 'a web server'
      : 'something else';
  const shown = /^[\x20-\x7e]+/.exec(text)?.[0].slice(0, 40);
  const quote = shown === undefined || shown.length < 2 ? '' : ` (it said "${shown}")`;
  return new DeliveryFailure('device-wrong-protocol', `${who} listens there${quote}`, {
    hint: 'Check host and --port: ESPHome OTA listens on 3232 (ESP32) or 8266 (ESP8266). For a web updater use --protocol web.',
    retryable: false,
  });
}

/** What a broken connection means: where it happened decides whether a second attempt is safe. */
export function explainBreak(reason: LinkBreak, state: SessionState): DeliveryFailure {
  const { phase } = state;
  if (phase === 'finishing') {
    return mayHaveCommitted(
      reason.kind === 'silent'
        ? `it said nothing for ${seconds(reason.silentMs)}`
        : 'the connection broke',
    );
  }
  if (phase === 'greeting' && state.strayText !== '') return explainStranger(state.strayText);
  return reason.kind === 'silent'
    ? explainSilence(reason.silentMs, state)
    : new DeliveryFailure('connection-failed', `the connection broke ${phaseWords[phase]}`, {
        hint: 'Is the device in reach of its access point, and its power supply good?',
        cause: reason.cause,
        retryable: true,
        sentBytes: state.deliveredBytes,
      });
}

function explainSilence(silentMs: number, state: SessionState): DeliveryFailure {
  const { phase } = state;
  if (phase === 'greeting') {
    return new DeliveryFailure(
      'timeout',
      `the connection was accepted, but nothing was said for ${seconds(silentMs)}: the device may be busy`,
      {
        hint: 'A device serves one upload at a time: is another one running? Else restart the device, or check the port.',
        retryable: true,
      },
    );
  }
  // A device that lost the radio link still holds the session; until it lets go it serves nobody.
  const limitMs = phase === 'upload' ? deviceDataLimitMs : deviceHandshakeLimitMs;
  const retryAfterMs = Math.max(0, limitMs - silentMs);
  return new DeliveryFailure(
    'timeout',
    `the device said nothing for ${seconds(silentMs)} ${phaseWords[phase]}`,
    {
      hint: 'Is it still powered and in reach? A larger --timeout helps when its flash is slow.',
      retryable: true,
      ...(retryAfterMs === 0 ? {} : { retryAfterMs }),
      sentBytes: state.deliveredBytes,
    },
  );
}

export function versionUnknown(version: number): DeliveryFailure {
  return new DeliveryFailure(
    'device-unsupported',
    `the device speaks version ${version} of the protocol; 1 and 2 are known`,
    { hint: 'A newer version of this tool may know it.', retryable: false },
  );
}

/** Fails closed: a key was configured, so nothing may travel in the clear. */
export function encryptionNotOffered(): DeliveryFailure {
  return new DeliveryFailure(
    'device-encryption-missing',
    'a key is given, but the device does not offer encryption; nothing was sent',
    {
      hint: 'Firmware before ESPHome 2026.9, or without `api: encryption:`, cannot encrypt. Leave the key out to push in the clear.',
      retryable: false,
    },
  );
}

export function wrongKey(cause?: unknown): DeliveryFailure {
  return new DeliveryFailure(
    'device-encryption-key-wrong',
    'the device has another encryption key, or the negotiation was changed on the way',
    {
      hint: 'Compare the key with `api: encryption: key:` of the firmware that now runs on the device.',
      cause,
      retryable: false,
    },
  );
}

export function handshakeRefused(reason: string): DeliveryFailure {
  const shown = reason.replace(/[^\x20-\x7e]/g, '?').slice(0, 80);
  return new DeliveryFailure(
    'device-encryption-failed',
    `the device refuses the encryption handshake ("${shown}")`,
    { hint: 'Restart the device and push again; look at its log.', retryable: false },
  );
}

/** A frame that is not one, or that does not decrypt. */
export function frameInvalid(cause: unknown, phase: Phase): DeliveryFailure {
  if (phase === 'finishing') return mayHaveCommitted('it sent a frame that is not valid');
  return new DeliveryFailure(
    'device-encryption-failed',
    `the device sent a frame that is not valid ${phaseWords[phase]}`,
    {
      hint: 'Somebody may have changed bytes on the way. Look at the device log.',
      cause,
      retryable: false,
    },
  );
}

export function partitionAccessMissing(): DeliveryFailure {
  return new DeliveryFailure(
    'device-unsupported',
    'the device does not allow writing bootloader or partition table over the air',
    { hint: 'Flash them by cable.', retryable: false },
  );
}

export function toHex(answer: number): string {
  return `0x${answer.toString(16).toUpperCase().padStart(2, '0')}`;
}

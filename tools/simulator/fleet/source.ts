import type { Dispatcher } from 'undici';
import { parseVersionFile, type VersionFile } from '../../core/publishing/version-file.ts';
import { compareVersions } from '../../core/version.ts';
import { DeviceError } from './device-error.ts';
import type { ExpectedImage, ImageSlot } from './update-slot.ts';

/** Where a device learns of new firmware, and fetches it. */
export interface FirmwareSource {
  /** What is offered now. */
  look(signal: AbortSignal): Promise<Offer>;
}

export interface Offer {
  readonly expected: ExpectedImage;
  readonly minVersion?: string;
  /** Whether a boot ends it: the sender still has it at the broker then, and brings it again. */
  readonly endsWithBoot?: true;
  fetch(slot: ImageSlot, onBytes: () => Promise<void>, signal: AbortSignal): Promise<void>;
  /** The device does not take it: it runs it already, or `why` not. */
  decline?(why: string | undefined): void;
}

export const upToDate = 'No update available';

/** Why an offer is not taken: it is not newer, or the version demands a step in between (M8). */
export function refusalOf({ expected, minVersion }: Offer, running: string): string | undefined {
  const order = compareVersions(expected.version, running);
  if (order === 0) return upToDate;
  if (order < 0) return `${expected.version} is older than ${running}`;
  if (minVersion !== undefined && compareVersions(running, minVersion) < 0) {
    return `${expected.version} needs ${minVersion} first`;
  }
  return;
}

/** Asks for `version.json` beside the firmware, then downloads what it names. */
export function createHttpsSource(baseUrl: string, dispatcher: Dispatcher): FirmwareSource {
  return {
    async look(signal) {
      const { body } = await get(`${baseUrl}/version.json`, dispatcher, signal);
      const text = await body.text();
      if (text.length > 65_536) throw new DeviceError('ESP_ERR_NO_MEM', 'version.json is too long');
      const file = parseVersionFile(text, 'version.json');
      return offerOf(file, `${baseUrl}/${file.file ?? 'firmware.bin'}`, dispatcher);
    },
  };
}

/** What an announcement or a `version.json` offers under a URL. */
export function offerOf(
  file: Pick<VersionFile, 'version' | 'size' | 'sha256' | 'signature' | 'min_version'>,
  url: string,
  dispatcher: Dispatcher,
): Offer {
  return {
    expected: {
      version: file.version,
      ...(file.size === undefined ? {} : { sizeBytes: file.size }),
      ...(file.sha256 === undefined ? {} : { sha256: file.sha256.toLowerCase() }),
      ...(file.signature === undefined ? {} : { signature: file.signature }),
    },
    ...(file.min_version === undefined ? {} : { minVersion: file.min_version }),
    async fetch(slot, onBytes, signal) {
      const { body, headers } = await get(url, dispatcher, signal);
      for await (const bytes of body as AsyncIterable<Uint8Array>) {
        slot.write(bytes);
        await onBytes();
      }
      const length = Number(headers['content-length']);
      if (Number.isFinite(length) && length !== slot.receivedBytes) {
        throw new DeviceError('ESP_ERR_HTTP_INCOMPLETE_DATA', `${slot.receivedBytes} of ${length}`);
      }
    },
  };
}

async function get(
  url: string,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const { request } = await import('undici');
  const answer = await request(url, { dispatcher, signal });
  if (answer.statusCode === 200) return answer;
  await answer.body.dump();
  throw new DeviceError('ESP_ERR_HTTP_BASE', `HTTP status ${answer.statusCode}`);
}

import { createHash } from 'node:crypto';

/** What may go wrong with a virtual device. */
export const pollingFaults = ['rollback', 'fail', 'vanish', 'silent', 'corrupt'] as const;
export type PollingFault = (typeof pollingFaults)[number];

export interface PollingDeviceOptions {
  readonly url: string;
  /** Which seed's endpoints it speaks. */
  readonly face: '003' | '004';
  readonly id: string;
  readonly model: string;
  readonly version: string;
  /** `rollback`: comes back with the old version · `fail`: cannot install · `vanish`: stops in the middle ·
   * `silent`: updates without a word · `corrupt`: finds the download broken. */
  readonly fault?: PollingFault | undefined;
  /** Makes requests; node's `fetch` fits. */
  readonly fetch: typeof fetch;
}

/** A device that asks for updates and takes them, as far as a server can see. */
export interface PollingDevice {
  readonly id: string;
  version(): string;
  /** Changes what goes wrong from now on. */
  setFault(fault: PollingFault | undefined): void;
  /** One round: check, and when there is an update, download, verify, install, report, restart. */
  poll(): Promise<PollOutcome>;
}

export type PollOutcome = 'none' | 'updated' | 'failed' | 'rolled_back' | 'vanished';

interface Offered {
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
  /** How the face names the release in reports. */
  readonly release: Record<string, unknown>;
}

/** Makes a virtual device. Network failures are thrown; the next `poll` begins anew. */
export function createPollingDevice(options: PollingDeviceOptions): PollingDevice {
  let { version, fault } = options;
  const face = options.face === '003' ? seed003(options) : seed004(options);
  async function report(offer: Offered, status: string, error?: string): Promise<void> {
    if (fault === 'silent') return;
    await face.report(offer, status, error);
  }
  return {
    id: options.id,
    version: () => version,
    setFault(next) {
      fault = next;
    },
    async poll() {
      const offer = await face.check(version);
      if (offer === undefined) return 'none';
      await report(offer, 'downloading');
      if (fault === 'vanish') return 'vanished';
      const response = await options.fetch(new URL(offer.url, options.url));
      const bytes = Buffer.from(await response.arrayBuffer());
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      if (!response.ok || sha256 !== offer.sha256 || fault === 'corrupt') {
        await report(offer, 'failed', `download: status ${response.status}, SHA-256 ${sha256}`);
        return 'failed';
      }
      await report(offer, 'installing');
      if (fault === 'fail') {
        await report(offer, 'failed', 'flash write error');
        return 'failed';
      }
      await report(offer, 'success');
      if (fault === 'rollback') return 'rolled_back';
      version = offer.version;
      return 'updated';
    },
  };
}

interface Face {
  check(version: string): Promise<Offered | undefined>;
  report(offer: Offered, status: string, error?: string): Promise<void>;
}

async function request(
  options: PollingDeviceOptions,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const response = await options.fetch(
    new URL(path, options.url),
    body === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        },
  );
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 200)}`);
  return JSON.parse(text) as Record<string, unknown>;
}

function seed003(options: PollingDeviceOptions): Face {
  const { id, model } = options;
  return {
    async check(version) {
      const query = new URLSearchParams({
        device_id: id,
        device_model: model,
        current_version: version,
      });
      const answer = await request(options, `/api/firmware/check?${query}`);
      if (answer.update_available !== true) return;
      const wanted = String(answer.latest_version);
      return {
        version: wanted,
        url: String(answer.download_url),
        sha256: String(answer.checksum_sha256),
        release: { firmware_version: wanted },
      };
    },
    async report(offer, status, error) {
      const path = `/api/device/${encodeURIComponent(id)}/update-status`;
      const words = error === undefined ? {} : { error_message: error };
      await request(options, path, { device_id: id, ...offer.release, status, ...words });
    },
  };
}

function seed004(options: PollingDeviceOptions): Face {
  const number = Number(options.id);
  const id = Number.isSafeInteger(number) ? number : options.id;
  return {
    async check(version) {
      const body = { device_id: id, device_type: options.model, current_version: version };
      const answer = await request(options, '/api/ota/check', body);
      if (answer.update_available !== true) return;
      return {
        version: String(answer.version),
        url: String(answer.download_url),
        sha256: String(answer.file_hash),
        release: { firmware_id: answer.firmware_id },
      };
    },
    async report(offer, status, error) {
      const words = error === undefined ? {} : { error_message: error };
      await request(options, '/api/ota/status', {
        device_id: id,
        ...offer.release,
        status,
        ...words,
      });
    },
  };
}

import type { PublicKey } from '../../core/signing/key.ts';
import type { Sleep } from '../../transports/sleep.ts';
import { DeviceError } from './device-error.ts';
import type { Machine } from './machine.ts';
import { type Fault, type FleetProfile, hasFault } from './profile.ts';
import type { Reporter } from './report.ts';
import type { BootImage } from './slots.ts';
import type { Offer } from './source.ts';
import { type ExpectedImage, openSlot } from './update-slot.ts';

export interface DownloadOptions {
  readonly profile: FleetProfile;
  readonly fault?: Fault;
  /** Whose signature an image must have; without any, none is asked for. */
  readonly keys: readonly PublicKey[];
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
}

/** Brings an offered image into the other slot, checked. */
export function createDownload(
  { profile, fault, keys, sleep, signal }: DownloadOptions,
  machine: Machine,
  report: Reporter,
): (offer: Offer) => Promise<BootImage> {
  const interruption = createInterruption(fault, machine);
  return async (offer) => {
    const expected = hasFault(fault, 'bad_signature') ? spoil(offer.expected) : offer.expected;
    const { slotBytes } = profile;
    const { secureVersion } = machine.slots;
    const damage = hasFault(fault, 'bad_hash');
    const slot = openSlot(expected, { slotBytes, keys, secureVersion, damage });
    machine.slots.eraseOther();
    const total = expected.sizeBytes ?? slotBytes;
    let told = -1;
    const tell = async () => {
      const progress = Math.min(100, Math.floor((slot.receivedBytes * 10) / total) * 10);
      if (progress <= told) return;
      const interrupted = fault !== undefined && told < fault.percent && progress >= fault.percent;
      told = progress;
      await report.say('downloading', 'Downloading firmware update', { progress });
      if (hasFault(fault, 'slow')) await sleep(fault?.delayMs ?? 0, signal);
      if (interrupted) await interruption();
    };
    await tell();
    await offer.fetch(slot, tell, signal);
    return slot.finish();
  };
}

/** What happens in the middle of a download: every time to a broken flash, once to everything else. */
function createInterruption(fault: Fault | undefined, machine: Machine): () => Promise<void> {
  let happened = false;
  return async () => {
    if (hasFault(fault, 'fail_at')) {
      throw new DeviceError('ESP_ERR_FLASH_OP_FAIL', 'a flash sector is broken');
    }
    if (happened) return;
    happened = true;
    if (hasFault(fault, 'disconnect')) machine.client.reconnect();
    if (hasFault(fault, 'power_cut')) {
      await machine.restart();
      throw new PowerCut('power cut');
    }
  };
}

/** Flips a bit of the signature on its way. */
function spoil({ signature, ...expected }: ExpectedImage): ExpectedImage {
  if (signature === undefined) return expected;
  const bytes = Buffer.from(signature, 'base64');
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return { ...expected, signature: bytes.toString('base64') };
}

/** The lights went out in the middle of a download; after the boot it begins again. */
export class PowerCut extends Error {}

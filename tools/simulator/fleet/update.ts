import { createDownload, type DownloadOptions, PowerCut } from './download.ts';
import type { Machine } from './machine.ts';
import { hasFault } from './profile.ts';
import type { Reporter } from './report.ts';
import type { BootImage } from './slots.ts';
import type { Offer } from './source.ts';

export type UpdaterOptions = DownloadOptions;

/** `interrupted`: by a boot that ended the offer, too. */
export type InstallEnd = 'running' | 'given_up' | 'interrupted';

/** Brings an offered image into the other slot, boots it and tries it. */
export interface Updater {
  /** Throws when it comes to no boot. */
  install(offer: Offer): Promise<InstallEnd>;
  /** Runs what stands in the other slot. */
  goBack(): Promise<void>;
}

export function createUpdater(
  options: UpdaterOptions,
  machine: Machine,
  report: Reporter,
): Updater {
  const { profile, fault, sleep, signal } = options;
  const download = createDownload(options, machine, report);

  async function install(offer: Offer): Promise<InstallEnd> {
    let image: BootImage;
    try {
      image = await download(offer);
    } catch (error) {
      if (error instanceof PowerCut) {
        return offer.endsWithBoot === true ? 'interrupted' : await install(offer);
      }
      offer.decline?.(error instanceof Error ? error.message : String(error));
      throw error;
    }
    await report.say('installing', 'Installing', { progress: 100 });
    await report.say('success', 'Update written, restarting', { progress: 100 });
    if (hasFault(fault, 'old_image')) {
      await machine.restart();
      await report.say('idle', 'Ready');
      return 'given_up';
    }
    await machine.bootNew(image);
    return await tryOut();
  }

  async function tryOut(): Promise<InstallEnd> {
    await report.say('idle', 'Self-test');
    await sleep(profile.selfTestMs, signal);
    if (hasFault(fault, 'self_test')) {
      await machine.rollBack();
      const error = 'ESP_ERR_OTA_ROLLBACK_FAILED';
      await report.say('rolled_back', 'Self-test failed', { error });
      return 'given_up';
    }
    machine.slots.confirm();
    report.offered('');
    await report.say('idle', 'Ready');
    return 'running';
  }

  async function goBack(): Promise<void> {
    await report.say('rolled_back', `Going back to ${machine.rollbackTarget().version}`);
    await machine.rollBack();
    await report.say('idle', 'Ready');
  }

  return { install, goBack };
}

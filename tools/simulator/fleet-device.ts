import { type Command, parseCommand } from '../core/fleet/command.ts';
import { type DeviceState, seedStatusCodes } from '../core/fleet/status.ts';
import { compareVersions } from '../core/version.ts';
import type { BrokerClient } from '../transports/mqtt/client.ts';
import type { FirmwareSource, Offer } from './fleet-download.ts';
import { DeviceError, openSlot } from './fleet-image.ts';
import type { Fault, FaultName, FleetProfile } from './fleet-profile.ts';

export interface DeviceOptions {
  readonly name: string;
  readonly profile: FleetProfile;
  readonly fault?: Fault;
  /** Connects; called again after every boot. */
  connect(): Promise<BrokerClient>;
  sourceOf(client: () => BrokerClient): FirmwareSource;
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
}

/** One device: what runs, what is being done. */
export interface VirtualDevice {
  readonly name: string;
  readonly runningVersion: string;
  /** Resolves when the device is not in the middle of anything. */
  idle(): Promise<void>;
  /** Takes an offer that came by itself, as an announcement or a push does. */
  offer(offer: Offer): void;
  close(): Promise<void>;
}

/** An hour of uptime before the test begins, so that a boot is seen. */
const firstUptimeS = 3600;
const upToDate = 'No update available';

/** Boots a device: it connects, says what it runs, and waits for commands. */
export async function startDevice(options: DeviceOptions): Promise<VirtualDevice> {
  const { profile, name, now, sleep, signal, fault } = options;
  const has = (wanted: FaultName) => fault?.name === wanted;
  const state = {
    version: profile.version,
    /** The other slot. */
    previous: '0.0.0',
    trial: false,
    bootedAtMs: now() - firstUptimeS * 1000,
    available: '',
    commandId: undefined as string | undefined,
    failedOnce: false,
  };
  let client = await options.connect();
  let work: Promise<void> = Promise.resolve();
  let lastMessage = '';
  const source = options.sourceOf(() => client);
  const statusTopic = profile.statusTopic.expand(
    profile.statusTopic.names.length === 0 ? {} : { device: name },
  );
  const commandTopic = profile.commandTopic.expand(
    profile.commandTopic.names.length === 0 ? {} : { device: name },
  );

  async function say(
    what: DeviceState,
    message: string,
    more: { progress?: number; error?: string } = {},
  ): Promise<void> {
    const uptimeMs = now() - state.bootedAtMs;
    const code = seedStatusCodes.indexOf(what as (typeof seedStatusCodes)[number]);
    const text = JSON.stringify({
      timestamp_us: has('clock_off') ? 4e15 - uptimeMs : uptimeMs * 1000,
      uptime_sec: Math.floor(uptimeMs / 1000),
      status: code < 0 ? what : code,
      progress_pct: more.progress ?? 0,
      message,
      current_version: state.version,
      available_version: state.available,
      rollback_pending: state.trial,
      free_heap: 95_632 - (what === 'downloading' ? 20_000 : 0),
      device_id: name,
      ...(more.error === undefined ? {} : { error: more.error }),
      ...(profile.commandIds && state.commandId !== undefined
        ? { command_id: state.commandId }
        : {}),
    });
    const copies = has('duplicate') ? [lastMessage, text, text] : [text];
    lastMessage = text;
    for (const copy of copies) {
      if (copy !== '') await client.publish(statusTopic, copy, { qos: 1, retain: true });
    }
  }

  async function boot(version: string, trial: boolean): Promise<void> {
    await client.close();
    await sleep(profile.bootMs, signal);
    Object.assign(state, { version, trial, bootedAtMs: now() });
    client = await options.connect();
    await listen();
  }

  async function listen(): Promise<void> {
    await client.subscribe(commandTopic, 1, ({ payload, retained }) => {
      const command = parseCommand(payload);
      if (typeof command === 'string' || retained || has('silent')) return;
      enqueue(() => obey(command));
    });
  }

  async function obey(command: Command): Promise<void> {
    state.commandId = command.commandId;
    if (command.action === 'status') return await say('idle', 'status');
    if (command.action === 'rollback') return await goBack();
    await say('checking', 'Checking for updates');
    const offer = await source.look(signal);
    const refusal = refuse(offer, command.force);
    state.available = refusal === undefined ? offer.expected.version : '';
    if (refusal === upToDate || command.action === 'check') {
      return await say('idle', refusal ?? `Version ${offer.expected.version} is available`);
    }
    if (refusal !== undefined) throw new DeviceError('ESP_ERR_INVALID_VERSION', refusal);
    await install(offer);
  }

  /** Newer, unless forced; and never over a step that the version demands (M8). */
  function refuse({ expected, minVersion }: Offer, force: boolean): string | undefined {
    if (force) return;
    const order = compareVersions(expected.version, state.version);
    if (order === 0) return upToDate;
    if (order < 0) return `${expected.version} is older than ${state.version}`;
    if (minVersion !== undefined && compareVersions(state.version, minVersion) < 0) {
      return `${expected.version} needs ${minVersion} first`;
    }
    return;
  }

  async function install(offer: Offer): Promise<void> {
    const before = state.version;
    const version = await download(offer);
    await say('installing', 'Installing', { progress: 100 });
    await say('success', 'Update written, restarting', { progress: 100 });
    if (has('old_image')) {
      await boot(before, false);
      return await say('idle', 'Ready');
    }
    state.previous = before;
    await boot(version, true);
    await say('idle', 'Self-test');
    await sleep(profile.selfTestMs, signal);
    if (has('self_test')) {
      await boot(before, false);
      return await say('rolled_back', 'Self-test failed', { error: 'ESP_ERR_OTA_ROLLBACK_FAILED' });
    }
    Object.assign(state, { trial: false, available: '' });
    await say('idle', 'Ready');
  }

  async function download(offer: Offer): Promise<string> {
    const slot = openSlot(offer.expected, profile.slotBytes, has('bad_hash'));
    const total = offer.expected.sizeBytes ?? profile.slotBytes;
    let told = -1;
    const tell = async () => {
      const progress = Math.min(100, Math.floor((slot.receivedBytes * 10) / total) * 10);
      if (progress <= told) return;
      const interrupted = fault !== undefined && told < fault.percent && progress >= fault.percent;
      told = progress;
      await say('downloading', 'Downloading firmware update', { progress });
      if (has('slow')) await sleep(fault?.delayMs ?? 0, signal);
      if (interrupted) await interrupt(offer);
    };
    await tell();
    await offer.fetch(slot, tell, signal);
    return slot.finish();
  }

  async function interrupt(offer: Offer): Promise<void> {
    if (has('fail_at')) throw new DeviceError('ESP_ERR_FLASH_OP_FAIL', 'a flash sector is broken');
    if (state.failedOnce) return;
    state.failedOnce = true;
    if (has('disconnect')) client.reconnect();
    if (has('power_cut')) {
      await boot(state.version, false);
      throw new PowerCut(offer);
    }
  }

  /** What comes by itself may be declined. */
  async function consider(offer: Offer): Promise<void> {
    const refusal = refuse(offer, false);
    if (refusal !== undefined) return offer.decline?.(refusal === upToDate ? undefined : refusal);
    try {
      await install(offer);
    } catch (error) {
      if (!(error instanceof PowerCut)) offer.decline?.((error as Error).message);
      throw error;
    }
  }

  async function goBack(): Promise<void> {
    if (state.previous === '0.0.0') throw new DeviceError('ESP_ERR_NOT_FOUND', 'no other image');
    const { version, previous } = state;
    await say('rolled_back', `Going back to ${previous}`);
    state.previous = version;
    await boot(previous, false);
    await say('idle', 'Ready');
  }

  function enqueue(job: () => Promise<void>): void {
    work = work
      .then(job)
      .catch((error: unknown) => (error instanceof PowerCut ? install(error.offer) : fail(error)))
      .catch(fail)
      .catch(() => {}); // nobody listens any more
  }

  async function fail(error: unknown): Promise<void> {
    if (signal.aborted) return;
    const name = error instanceof DeviceError ? error.espName : 'ESP_FAIL';
    await say('failed', error instanceof Error ? error.message : String(error), { error: name });
  }

  await listen();
  await say('idle', 'Ready');
  return {
    name,
    get runningVersion() {
      return state.version;
    },
    async idle() {
      for (let seen: Promise<void> | undefined; seen !== work; ) {
        seen = work;
        await seen;
      }
    },
    offer(offer) {
      if (has('silent')) return;
      enqueue(() => consider(offer));
    },
    close: () => client.close(),
  };
}

/** The lights went out in the middle of a download; afterwards it begins again. */
class PowerCut extends Error {
  readonly offer: Offer;
  constructor(offer: Offer) {
    super('power cut');
    this.offer = offer;
  }
}

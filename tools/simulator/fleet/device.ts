import { type Command, parseCommand } from '../../core/fleet/command.ts';
import type { PublicKey } from '../../core/signing/key.ts';
import type { BrokerClient } from '../../transports/mqtt/client.ts';
import { DeviceError } from './device-error.ts';
import { createMachine } from './machine.ts';
import { type Fault, type FleetProfile, hasFault } from './profile.ts';
import { createReporter } from './report.ts';
import { type FirmwareSource, type Offer, refusalOf, upToDate } from './source.ts';
import { createUpdater } from './update.ts';

export interface DeviceOptions {
  readonly name: string;
  readonly profile: FleetProfile;
  readonly fault?: Fault;
  /** Whose signature an image must have; without any, none is asked for. */
  readonly keys: readonly PublicKey[];
  /** Connects; called again after every boot. */
  connect(): Promise<BrokerClient>;
  /** Listens for offers that come by themselves; called after every connection. */
  listen?(client: BrokerClient, take: (offer: Offer) => void): Promise<void>;
  sourceOf(client: () => BrokerClient): FirmwareSource;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** One device: what runs, what is being done. */
export interface VirtualDevice {
  readonly name: string;
  readonly runningVersion: string;
  /** Resolves when the device is not in the middle of anything. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Boots a device: it connects, says what it runs, and waits for commands and offers. */
export async function startDevice(options: DeviceOptions): Promise<VirtualDevice> {
  const { profile, name, signal, fault } = options;
  const machine = createMachine(options, listen);
  const report = createReporter(options, machine);
  const updater = createUpdater(options, machine, report);
  const source = options.sourceOf(() => machine.client);
  const jobs = createJobs(report.fail);
  const commandTopic = profile.commandTopic.expand({ device: name });

  async function listen(client: BrokerClient): Promise<void> {
    await options.listen?.(client, (offer) => {
      if (!hasFault(fault, 'silent')) jobs.add(() => consider(offer));
    });
    await client.subscribe(commandTopic, 1, ({ payload, retained }) => {
      const command = parseCommand(payload);
      if (typeof command === 'string' || retained || hasFault(fault, 'silent')) return;
      jobs.add(() => obey(command));
    });
  }

  async function consider(offer: Offer): Promise<void> {
    if (refusalOf(offer, machine.version) === undefined) await updater.install(offer);
  }

  async function obey(command: Command): Promise<void> {
    report.answer(command.commandId);
    if (command.action === 'status') return await report.say('idle', 'status');
    if (command.action === 'rollback') return await updater.goBack();
    await report.say('checking', 'Checking for updates');
    const offer = await source.look(signal);
    const refusal = command.force ? undefined : refusalOf(offer, machine.version);
    report.offered(refusal === undefined ? offer.expected.version : '');
    if (refusal === upToDate || command.action === 'check') {
      return await report.say('idle', refusal ?? `Version ${offer.expected.version} is available`);
    }
    if (refusal !== undefined) throw new DeviceError('ESP_ERR_INVALID_VERSION', refusal);
    await updater.install(offer);
  }

  await machine.powerOn();
  await report.say('idle', 'Ready');
  jobs.begin();
  return {
    name,
    get runningVersion() {
      return machine.version;
    },
    idle: jobs.idle,
    close: () => machine.client.close(),
  };
}

/** Work that waits for its turn: a device does one thing at a time. */
interface Jobs {
  add(job: () => Promise<void>): void;
  /** Until then jobs wait. */
  begin(): void;
  /** Resolves when nothing is being done, and nothing waits. */
  idle(): Promise<void>;
}

function createJobs(fail: (error: unknown) => Promise<void>): Jobs {
  let begin = () => {};
  let work = new Promise<void>((resolve) => {
    begin = resolve;
  });
  return {
    add(job) {
      work = work
        .then(job)
        .catch(fail)
        .catch(() => {}); // nobody listens any more
    },
    begin: () => begin(),
    async idle() {
      for (let seen: Promise<void> | undefined; seen !== work; ) {
        seen = work;
        await seen;
      }
    },
  };
}

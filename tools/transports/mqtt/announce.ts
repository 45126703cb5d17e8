import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { readStatusEvent } from '../../core/fleet/commands/status-event.ts';
import type { SeenStatus } from '../../core/fleet/commands/wait.ts';
import { createWaitList, type WaitList } from '../../core/fleet/commands/wait-list.ts';
import {
  type ArtifactFacts,
  DeliveryFailure,
  type Receipt,
  type SendContext,
} from '../../core/release/delivery.ts';
import type { BrokerClient } from './connection/client.ts';
import { noAnswer } from './connection/client-failure.ts';
import { announcementMessage, descriptionMessage } from './messages.ts';
import type { FollowedDevices } from './mode.ts';
import type { MqttPlan } from './plan.ts';
import { openPlannedClient } from './planned-client.ts';
import type { Message } from './publish.ts';
import { type Clearing, clearStanding } from './standing.ts';

/** An announcement, and the devices that are to follow it. */
export interface FollowedAnnouncement {
  readonly plan: MqttPlan;
  readonly url: string;
  readonly followed: FollowedDevices;
  readonly facts: ArtifactFacts;
}

/**
 * Announces the firmware, waits until all followed devices run it, and then clears the announcement if the broker keeps
 * it. A failure leaves it standing.
 */
export async function announceAndFollow(
  announced: FollowedAnnouncement,
  context: SendContext,
): Promise<Receipt> {
  const { plan, url, facts } = announced;
  const message = announcementMessage(plan, url, facts);
  const client = await openPlannedClient(plan, context);
  try {
    const waits = await listen(client, announced, context);
    await announce(client, message, announced, context.signal);
    context.onProgress(message.sizeBytes);
    await untilEnded(waits, context);
    requireUpdated(waits, announced, context.signal.aborted);
    const clearing = plan.retain ? await clearOurs(client, message, plan, context) : undefined;
    return toReceipt(message.sizeBytes, announced, clearing);
  } finally {
    await client.close();
  }
}

/** Listens to the devices before they are told anything: from here on, messages count. */
async function listen(
  client: BrokerClient,
  { followed, facts }: FollowedAnnouncement,
  context: SendContext,
): Promise<WaitList> {
  const { devices, statusTopic, deadlineMs } = followed;
  const now = () => context.now().getTime();
  const early = new Map<string, SeenStatus>();
  let waits: WaitList | undefined;
  await client.subscribe(statusTopic.filter, 1, (message) => {
    const event = readStatusEvent(statusTopic, message, now());
    if (event?.type !== 'status') return;
    if (waits === undefined) early.set(event.device, event);
    else waits.observe(event.device, event);
  });
  const expectation = {
    action: 'update',
    sentAtMs: now(),
    targetVersion: facts.version,
    force: false,
    acceptReported: false,
    timeoutMs: deadlineMs,
  } as const;
  waits = createWaitList(expectation, () => {});
  for (const device of devices) waits.join(device, early.get(device));
  return waits;
}

/** Cancelled in the middle, it may stand at the broker all the same: what follows says so. */
async function announce(
  client: BrokerClient,
  message: Message,
  { plan, facts }: FollowedAnnouncement,
  signal: AbortSignal,
): Promise<void> {
  try {
    await publish(client, message);
    if (plan.metadataTopic === undefined) return;
    await publish(client, descriptionMessage(plan, plan.metadataTopic, facts));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function publish(client: BrokerClient, message: Message): Promise<void> {
  const { topic, qos, retain, properties } = message;
  await client.publish(topic, await buffer(message.open()), { qos, retain, properties });
}

const tickMs = 50;

/** Until every device has ended, at the deadline at the latest, or the signal is aborted. */
async function untilEnded(waits: WaitList, { signal, now }: SendContext): Promise<void> {
  while (!waits.allEnded && !signal.aborted) {
    await sleep(tickMs, undefined, { signal }).catch(() => {}); // told by the signal
    waits.expire(now().getTime());
  }
}

function requireUpdated(
  waits: WaitList,
  { plan, facts, followed }: FollowedAnnouncement,
  cancelled: boolean,
): void {
  const failed = waits.list().filter(({ outcome }) => outcome?.ok !== true);
  if (failed.length === 0) return;
  const stands = plan.retain ? `; the announcement stays on ${plan.topic}` : '';
  const why = cancelled ? 'cancelled: ' : '';
  throw new DeliveryFailure(
    'fleet-incomplete',
    `${why}${failed.length} of ${followed.devices.length} devices do not run ${facts.version}${stands}`,
    {
      details: failed.map(
        ({ device, outcome }) =>
          `${device}: ${outcome?.reason ?? 'not done when it was cancelled'}`,
      ),
      hint: plan.retain
        ? `Devices that come later still find it. Deploy again to go on waiting, or take it back: ota deploy --version ${facts.version} --clear`
        : 'Deploy again: devices that run it already count at once.',
      retryable: false,
    },
  );
}

/** Nothing that goes wrong here takes anything from the devices: they run the version. */
async function clearOurs(
  client: BrokerClient,
  message: Message,
  { topic, timeoutMs }: MqttPlan,
  { signal }: SendContext,
): Promise<Clearing | Error> {
  const ours = await buffer(message.open());
  const limit = new AbortController();
  const late = sleep(timeoutMs, noAnswer(client.peer, timeoutMs), { signal: limit.signal });
  late.catch(() => {});
  const isOurs = (payload: Buffer) => payload.equals(ours);
  const standing = { topic, sizeBytes: message.sizeBytes, isOurs };
  const cleared = clearStanding(client, standing, signal).catch((error: Error) => error);
  return await Promise.race([cleared, late]).finally(() => limit.abort());
}

function toReceipt(
  sentBytes: number,
  { plan, facts, followed }: FollowedAnnouncement,
  clearing: Clearing | Error | undefined,
): Receipt {
  const count = followed.devices.length;
  const answer = `${count} ${count === 1 ? 'device runs' : 'devices run'} ${facts.version}`;
  const isCleared = clearing !== undefined && 'kind' in clearing && clearing.kind === 'cleared';
  const warning = clearing === undefined ? undefined : describeClearing(clearing, plan.topic);
  const insecure = plan.broker.tls && plan.insecure;
  return {
    sentBytes,
    warnings: [
      ...(insecure ? ['the certificate of the broker was not checked (insecure)'] : []),
      ...(warning === undefined ? [] : [warning]),
    ],
    answer: `${answer}${isCleared ? '; the announcement is cleared' : ''}`,
  };
}

function describeClearing(clearing: Clearing | Error, topic: string): string | undefined {
  if (clearing instanceof Error) return `the announcement stays on ${topic}: ${clearing.message}`;
  const { kind } = clearing;
  if (kind === 'nothing') return `the broker shows no announcement on ${topic}: none was cleared`;
  if (kind === 'other') return `another announcement stands on ${topic}: it was left alone`;
  if (kind === 'restored') {
    return `another announcement came to ${topic} while ours was cleared: it was published again`;
  }
  return;
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { TopicTemplate } from '../../core/fleet/commands/topic-template.ts';
import { failed, type HealthCheck, ok, warning } from '../../core/health/check.ts';
import { type Add, fromError } from './report.ts';
import {
  type Bench,
  type Ear,
  listen,
  noOperation,
  type Try,
  tryTopic,
  usualPatience,
} from './tries.ts';

export interface Topics extends Bench {
  readonly commandTopic: TopicTemplate;
  readonly statusTopic: TopicTemplate;
  readonly signal: AbortSignal;
}

/** A device that nobody has. */
const nobody = 'ota-doctor';

/**
 * Tries the rights on the topics, and looks for commands that the broker keeps. Where devices have topics of their own,
 * the tries go to those of a device that does not exist.
 */
export async function examineTopics(topics: Topics, add: Add): Promise<void> {
  const { commandTopic, statusTopic, signal, patience = usualPatience } = topics;
  const status = await listen(topics, statusTopic.filter);
  const commands = await listen(topics, commandTopic.filter);
  await sleep(patience.retainedMs, undefined, { signal }).catch(() => {});
  add(await checkStatus(topics, status));
  if (commandTopic.names.length === 0) {
    add(checkLeftovers(commands, commandTopic.filter, status.kept.length, undefined));
    return;
  }
  const topic = commandTopic.expand({ device: nobody });
  const tried = await tryTopic(topics, commands, topic, noOperation);
  add(checkLeftovers(commands, commandTopic.filter, status.kept.length, tried));
  add(checkPublish(topic, topics.client.version, tried));
}

/**
 * Mosquitto grants every subscription and keeps back what its access list forbids, so only a message that arrives proves
 * the right. An empty one, which nobody takes for a status, when there is no other.
 */
async function checkStatus(topics: Topics, ear: Ear): Promise<HealthCheck> {
  const { client, statusTopic } = topics;
  const name = 'subscribe to status';
  const { filter } = statusTopic;
  if (ear.refused !== undefined) return fromError(name, ear.refused);
  if (ear.kept.length > 0) return ok(name, `${filter}, ${ear.kept.length} kept states`);
  if (statusTopic.names.length > 0) {
    const tried = await tryTopic(topics, ear, statusTopic.expand({ device: nobody }), '');
    if (tried.cameBack) return ok(name, `${filter}, no kept states`);
    if (tried.refused === undefined && client.version === 5) {
      const remedy =
        'Give the user the right to read these topics in the access list of the broker.';
      return failed(name, `${filter} is granted, but nothing is delivered`, remedy);
    }
  }
  return ok(name, `${filter} is granted; no kept state has come to prove it`);
}

function checkLeftovers(
  ear: Ear,
  filter: string,
  states: number,
  tried: Try | undefined,
): HealthCheck {
  const name = 'retained leftovers';
  const remedy = `Give the user the right to read ${filter}, for this check.`;
  if (ear.refused !== undefined) {
    const { message } = fromError(name, ear.refused);
    return warning(name, `cannot be looked for: ${message}`, remedy);
  }
  if (ear.kept.length > 0) {
    const where = ear.kept.slice(0, 5).join(', ');
    const message = `a command is kept on ${where}: every device that connects obeys it`;
    return failed(name, message, 'Clear it: `mosquitto_pub -r -n -t <topic>`.');
  }
  if (tried !== undefined && tried.refused === undefined && !tried.cameBack) {
    const message = `cannot be looked for: the broker delivers nothing on ${filter}`;
    return warning(name, message, remedy);
  }
  return ok(name, `none on the command topic; ${states} kept states`);
}

function checkPublish(topic: string, version: 4 | 5, tried: Try): HealthCheck {
  const name = 'publish commands';
  if (tried.refused !== undefined) return fromError(name, tried.refused);
  if (version === 5 || tried.cameBack) return ok(name, topic);
  const message = `${topic} is acknowledged and does not come back: MQTT 3.1.1 acknowledges what it drops, too`;
  const remedy = 'Check the access list of the broker, or use one that speaks MQTT 5.';
  return warning(name, message, remedy);
}

import {
  type ArtifactFacts,
  DeliveryFailure,
  type Payload,
  type Receipt,
  type SendContext,
} from '../../core/release/delivery.ts';
import { type Deadline, startDeadline } from '../deadline.ts';
import { readTlsFiles } from '../tls-files.ts';
import { peerOf } from './connection/broker-url.ts';
import { prepareConnection } from './connection/connection.ts';
import { type MqttSession, openSession } from './connection/session.ts';
import { announcementMessage, descriptionMessage, firmwareMessage } from './messages.ts';
import type { MqttPlan } from './plan.ts';
import type { Message } from './publish.ts';

/** One attempt: connects, publishes the firmware and its description, takes leave. */
export async function sendOverMqtt(
  plan: MqttPlan,
  payload: Payload,
  context: SendContext,
): Promise<Receipt> {
  const deadline = startDeadline({
    peer: peerOf(plan.broker),
    timeoutMs: context.timeoutMs ?? plan.timeoutMs,
    signal: context.signal,
    doing: 'connecting',
  });
  let session: MqttSession | undefined;
  try {
    const warnings: string[] = [];
    session = await connect(plan, context, deadline, warnings);
    const message = mainMessage(plan, payload);
    const answer = await publishAll(session, plan, message, payload.facts, context, warnings);
    await session.end();
    return {
      sentBytes: message.sizeBytes,
      warnings,
      ...(answer === undefined ? {} : { answer }),
    };
  } finally {
    session?.close();
    deadline.stop();
  }
}

/** Connects with MQTT 5, and with 3.1.1 when the broker knows no better and the channel leaves it open. */
async function connect(
  plan: MqttPlan,
  context: SendContext,
  deadline: Deadline,
  warnings: string[],
): Promise<MqttSession> {
  const { broker, clientId, insecure, username, password } = plan;
  deadline.signal.throwIfAborted();
  const tls = await readTlsFiles(plan.tls, context.cwd);
  const suffix = clientId.unique ? randomSuffix(context.random) : '';
  const credentials = {
    clientId: `${clientId.text}${suffix}`,
    keepalive: plan.keepaliveSeconds,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
  const open = await prepareConnection({ broker, tls, insecure });
  const speak = (version: 4 | 5) => {
    deadline.touch(0, 'connecting');
    return openSession({ open, version, peer: peerOf(broker), deadline, credentials });
  };
  if (broker.tls && insecure)
    warnings.push('the certificate of the broker was not checked (insecure)');
  const first = await speak(plan.protocolVersion ?? 5);
  if (!(first instanceof DeliveryFailure)) return first;
  if (plan.protocolVersion !== undefined) throw first;
  warnings.push('the broker does not speak MQTT 5; MQTT 3.1.1 was used, without user properties');
  const second = await speak(4);
  if (second instanceof DeliveryFailure) throw second;
  return second;
}

async function publishAll(
  session: MqttSession,
  plan: MqttPlan,
  message: Message,
  facts: ArtifactFacts,
  context: SendContext,
  warnings: string[],
): Promise<string | undefined> {
  const answer = await session.publish(message, context.onProgress);
  if (answer.noSubscribers) warnings.push(`nobody has subscribed to ${plan.topic}`);
  if (plan.qos === 0) warnings.push('QoS 0: the broker does not confirm that it took the message');
  if (plan.metadataTopic === undefined) return answer.packet;
  const description = descriptionMessage(plan, plan.metadataTopic, facts);
  const described = await session.publish(description, () => {});
  if (described.noSubscribers) warnings.push(`nobody has subscribed to ${plan.metadataTopic}`);
  return answer.packet;
}

function mainMessage(plan: MqttPlan, payload: Payload): Message {
  return plan.mode.kind === 'announce'
    ? announcementMessage(plan, plan.mode.url, payload.facts)
    : firmwareMessage(plan, payload);
}

/** Eight characters, enough to tell publishers apart; it is no secret. */
export function randomSuffix(random: () => number): string {
  return Array.from({ length: 8 }, () => Math.floor(random() * 36).toString(36)).join('');
}

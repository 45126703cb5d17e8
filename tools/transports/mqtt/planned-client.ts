import type { SendContext } from '../../core/release/delivery.ts';
import { readTlsFiles } from '../tls-files.ts';
import { type BrokerClient, openClient } from './connection/client.ts';
import type { MqttPlan } from './plan.ts';
import { randomSuffix } from './send.ts';

/** The broker keeps our subscription while a broken connection comes back. */
const sessionSeconds = 300;

/** Connects for a delivery that listens to devices. @throws DeliveryFailure as `openClient` does */
export async function openPlannedClient(
  plan: MqttPlan,
  context: SendContext,
): Promise<BrokerClient> {
  const { broker, clientId, username, password, protocolVersion } = plan;
  const tls = await readTlsFiles(plan.tls, context.cwd);
  return await openClient(
    {
      broker,
      tls,
      insecure: plan.insecure,
      clientId: `${clientId.text}${clientId.unique ? randomSuffix(context.random) : ''}`,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(protocolVersion === undefined ? {} : { protocolVersion }),
      keepaliveSeconds: plan.keepaliveSeconds,
      sessionSeconds,
      timeoutMs: context.timeoutMs ?? plan.timeoutMs,
    },
    { signal: context.signal },
  );
}

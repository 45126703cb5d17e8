import { OtaError } from '../../core/errors.ts';
import { type HealthCheck, ok, warning } from '../../core/health/check.ts';
import { probeTopic } from '../../transports/mqtt/probe.ts';
import { brokerAccess } from '../deploy-config.ts';
import type { DoctorOptions } from './doctor.ts';
import { fromError } from './report.ts';
import { noOperation } from './tries.ts';

/**
 * Tries the topic that all devices listen to, with a message that is never released (`probeTopic`): no device may act
 * because somebody asks for the health of things.
 */
export async function probeSharedTopic(
  { loaded, random, signal }: DoctorOptions,
  topic: string,
  version: 4 | 5,
): Promise<HealthCheck> {
  const name = 'publish commands';
  const remedy = 'Give devices topics of their own: "command_topic": "fleet/{device}/ota/command".';
  const untried = (why: string) =>
    warning(name, `not tried: ${topic} reaches every device, and ${why}`, remedy);
  if (version === 4) return untried('MQTT 3.1.1 does not say what it refuses');
  try {
    const access = await brokerAccess(loaded, random);
    await probeTopic({ ...access, topic, payload: noOperation, signal });
    return ok(name, `${topic}, nothing was delivered`);
  } catch (error) {
    if (error instanceof OtaError && error.code === 'mqtt-unsupported') {
      return untried('the broker knows no QoS 2, with which a message can be held back');
    }
    return fromError(name, error);
  }
}

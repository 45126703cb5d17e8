import schema from '../../schemas/channel-mqtt.schema.json' with { type: 'json' };
import type { ArtifactFacts, Delivery } from '../core/release/delivery.ts';
import { defineTransport } from './define.ts';
import { announceAndFollow } from './mqtt/announce.ts';
import { sendInChunks } from './mqtt/chunked.ts';
import { clearKept } from './mqtt/clear.ts';
import { showBroker } from './mqtt/connection/broker-url.ts';
import { type MqttChannel, type MqttPlan, planDelivery, showSettings } from './mqtt/plan.ts';
import { sendOverMqtt } from './mqtt/send.ts';

/** Publishes an artifact over a broker: as one message, as an announcement, or in chunks. */
export const mqtt = defineTransport<MqttChannel>({
  name: 'mqtt',
  summary: 'publishes the firmware, or where it is, over an MQTT broker',
  schema,
  example: { broker: 'mqtts://broker.example.com', topic: 'fleet/{version}' },
  prepare(channel, { artifact }) {
    const plan = planDelivery(channel, artifact);
    return [
      {
        destination: `${showBroker(plan.broker)} topic ${plan.topic}`,
        settings: showSettings(plan),
        send: sendingOf(plan, artifact),
        clear: (context) => clearKept(plan, artifact, context),
      },
    ];
  },
});

function sendingOf(plan: MqttPlan, facts: ArtifactFacts): Delivery['send'] {
  const { mode } = plan;
  if (mode.kind === 'chunked') {
    return (payload, context) => sendInChunks(plan, mode, payload, context);
  }
  if (mode.kind === 'announce' && mode.followed !== undefined) {
    const { url, followed } = mode;
    return (_payload, context) => announceAndFollow({ plan, url, followed, facts }, context);
  }
  return (payload, context) => sendOverMqtt(plan, payload, context);
}

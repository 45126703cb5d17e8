import schema from '../../schemas/channel-mqtt.schema.json' with { type: 'json' };
import { defineTransport } from './define.ts';
import { showBroker } from './mqtt/broker-url.ts';
import { sendInChunks } from './mqtt/chunked.ts';
import { type MqttChannel, planDelivery, showSettings } from './mqtt/plan.ts';
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
        send: (payload, context) =>
          plan.mode.kind === 'chunked'
            ? sendInChunks(plan, plan.mode, payload, context)
            : sendOverMqtt(plan, payload, context),
      },
    ];
  },
});

import schema from '../../schemas/channel-mqtt.schema.json' with { type: 'json' };
import { defineTransport } from './define.ts';
import { showBroker } from './mqtt/broker-url.ts';
import { type MqttChannel, planDelivery, showSettings } from './mqtt/plan.ts';
import { sendOverMqtt } from './mqtt/send.ts';

/** Publishes an artifact as one MQTT message to a broker. */
export const mqtt = defineTransport<MqttChannel>({
  name: 'mqtt',
  summary: 'publishes the firmware as one message to an MQTT broker',
  schema,
  example: { broker: 'mqtts://broker.example.com', topic: 'fleet/{version}' },
  prepare(channel, { artifact }) {
    const plan = planDelivery(channel, artifact);
    return [
      {
        destination: `${showBroker(plan.broker)} topic ${plan.topic}`,
        settings: showSettings(plan),
        send: (payload, context) => sendOverMqtt(plan, payload, context),
      },
    ];
  },
});

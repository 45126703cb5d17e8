import { reason, refusal } from '../connection/reasons.ts';
import type { Wire } from './wire.ts';

/** MQTT 5 §4.9: no more messages on their way than the broker takes; 3.1.1 does not say. */
const defaultSendMaximum = 20;

/** Publishes with QoS 1; who comes when the broker takes no more waits for a place. */
export function createPublisher(
  wire: Wire,
  peer: string,
  ids: () => number,
  receiveMaximum = defaultSendMaximum,
): (topic: string, payload: string) => Promise<void> {
  const most = Math.min(receiveMaximum, defaultSendMaximum);
  const waiting: (() => void)[] = [];
  let onTheWay = 0;
  void wire.ended.then(() => {
    for (const go of waiting.splice(0)) go();
  });
  return async (topic, payload) => {
    // Who waits is handed the place of one that is done: nobody can come in between.
    if (onTheWay >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else onTheWay += 1;
    try {
      const messageId = ids();
      const answered = wire.answer('puback', messageId);
      wire.send({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false, messageId });
      const { reasonCode = 0 } = await answered;
      if (reasonCode >= reason.firstFailure) {
        throw refusal(peer, `the message to ${topic}`, reasonCode);
      }
    } finally {
      const next = waiting.shift();
      if (next === undefined) onTheWay -= 1;
      else next();
    }
  };
}

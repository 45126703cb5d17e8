import type { Packet } from 'mqtt-packet';

/** Packets that answer a question of ours. */
export type AnswerCommand = 'connack' | 'suback' | 'unsuback' | 'puback' | 'pingresp';

/** Questions that wait for their answers; those of one kind are answered in their order. */
export interface Answers {
  wait<Command extends AnswerCommand>(
    cmd: Command,
    messageId: number,
  ): Promise<Extract<Packet, { cmd: Command }>>;
  take(packet: Packet): void;
  /** Nothing will be answered any more. */
  reject(error: Error): void;
}

interface Waiting {
  resolve(packet: never): void;
  reject(error: Error): void;
}

export function createAnswers(): Answers {
  const waiting = new Map<string, Waiting[]>();
  let failure: Error | undefined;
  return {
    wait: (cmd, messageId) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        const key = `${cmd} ${messageId}`;
        waiting.set(key, [...(waiting.get(key) ?? []), { resolve, reject }]);
      }),
    take(packet) {
      const key = `${packet.cmd} ${packet.messageId ?? 0}`;
      const [first, ...rest] = waiting.get(key) ?? [];
      first?.resolve(packet as never);
      if (rest.length > 0) waiting.set(key, rest);
      else waiting.delete(key);
    },
    reject(error) {
      failure = error;
      for (const entries of waiting.values()) for (const entry of entries) entry.reject(error);
      waiting.clear();
    },
  };
}

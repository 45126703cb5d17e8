import { describe, expect, it } from 'vitest';
import { testFleet } from '../support/fleet.ts';
import { scriptedBroker } from '../support/mqtt.ts';
import { acknowledge } from '../support/scripted-broker.ts';

describe('the connections of virtual devices', () => {
  it('are all closed when one of the devices cannot be started', async () => {
    const broker = await scriptedBroker({
      onPacket(packet, connection) {
        const { messageId } = packet;
        if (packet.cmd !== 'subscribe' || messageId === undefined)
          return acknowledge(packet, connection);
        const refused = packet.subscriptions.some(({ topic }) => topic.includes('dev-0001'));
        connection.send({ cmd: 'suback', messageId, granted: [refused ? 0x80 : 1] });
      },
    });
    const starting = testFleet(broker.url, 3, { server_url: 'http://127.0.0.1:9' });
    await expect(starting).rejects.toMatchObject({ code: 'unauthorized' });
    await broker.departure();
  });
});

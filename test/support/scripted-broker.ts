import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { generate, type IConnackPacket, type Packet, parser } from 'mqtt-packet';

export interface BrokerConnection {
  send(packet: Packet): void;
  sendBytes(bytes: Uint8Array): void;
  hangUp(): void;
}

export interface BrokerScript {
  /** Sent to CONNECT; no answer when it is null. */
  readonly connack?: Partial<IConnackPacket> | null;
  /** Called for CONNECT, besides. */
  onConnect?(connection: BrokerConnection): void;
  /** Called for every later packet; by default acknowledgements are sent as the QoS demands. */
  onPacket?(packet: Packet, connection: BrokerConnection): void;
  /** Called once, when so many bytes have arrived after CONNECT. */
  readonly afterBytes?: { readonly bytes: number; react(connection: BrokerConnection): void };
  /** Stops reading after CONNECT. */
  readonly stall?: boolean;
}

/** A broker that does as it is told, right or wrong. Speaks the version that the client asks for. */
export interface ScriptedBroker {
  readonly url: string;
  readonly port: number;
  readonly packets: readonly Packet[];
  /** Resolves when a packet of this kind has arrived. */
  arrival(cmd: Packet['cmd']): Promise<void>;
  /** Resolves when every client that has connected is gone again. */
  departure(): Promise<void>;
  close(): Promise<void>;
}

export async function createScriptedBroker(script: BrokerScript = {}): Promise<ScriptedBroker> {
  const packets: Packet[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    serve(socket, script, (packet) => {
      packets.push(packet);
      server.emit(`packet-${packet.cmd}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    packets,
    async arrival(cmd) {
      if (!packets.some((packet) => packet.cmd === cmd)) await once(server, `packet-${cmd}`);
    },
    async departure() {
      // Our half of a connection stays open; theirs is at its end.
      const there = [...sockets].filter((socket) => !socket.readableEnded && !socket.destroyed);
      await Promise.all(
        there.map((socket) => new Promise((gone) => socket.once('end', gone).once('close', gone))),
      );
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serve(socket: Socket, script: BrokerScript, note: (packet: Packet) => void): void {
  const decoder = parser();
  const { connack = {}, onPacket = acknowledge, afterBytes, stall } = script;
  let version = 4;
  let bytesAfterConnect = -1;
  let reacted = false;
  const connection: BrokerConnection = {
    send: (packet) => void socket.write(generate(packet, { protocolVersion: version })),
    sendBytes: (bytes) => void socket.write(bytes),
    hangUp: () => void socket.destroySoon(),
  };
  decoder.on('packet', (packet) => {
    note(packet);
    if (packet.cmd !== 'connect') {
      onPacket(packet, connection);
      return;
    }
    version = packet.protocolVersion ?? 4;
    bytesAfterConnect = 0;
    if (stall === true) socket.pause();
    script.onConnect?.(connection);
    if (connack === null) return;
    connection.send({
      cmd: 'connack',
      sessionPresent: false,
      ...(version === 5 ? { reasonCode: 0 } : { returnCode: 0 }),
      ...connack,
    } as Packet);
  });
  socket.on('data', (bytes) => {
    if (bytesAfterConnect >= 0) bytesAfterConnect += bytes.length;
    if (afterBytes === undefined || bytesAfterConnect < afterBytes.bytes) {
      decoder.parse(bytes);
    } else if (!reacted) {
      reacted = true;
      afterBytes.react(connection);
    }
  });
  socket.on('error', () => {});
}

/** What a broker without fault does. */
export function acknowledge(packet: Packet, connection: BrokerConnection): void {
  if (packet.cmd === 'pingreq') connection.send({ cmd: 'pingresp' });
  if (packet.cmd === 'disconnect') connection.hangUp();
  const { messageId } = packet;
  if (messageId === undefined) return;
  if (packet.cmd === 'publish') {
    connection.send({ cmd: packet.qos === 2 ? 'pubrec' : 'puback', messageId, reasonCode: 0 });
  }
  if (packet.cmd === 'pubrel') connection.send({ cmd: 'pubcomp', messageId, reasonCode: 0 });
}

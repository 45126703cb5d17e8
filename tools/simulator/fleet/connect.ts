import { parseBroker } from '../../transports/mqtt/connection/broker-url.ts';
import { type BrokerClient, openClient } from '../../transports/mqtt/connection/client.ts';
import { bySystem, type Sleep } from '../../transports/sleep.ts';

/** How the devices of a fleet reach their broker. */
export interface DeviceBroker {
  readonly brokerUrl: string;
  /** PEM text of the authority. */
  readonly ca?: string;
  readonly username?: string;
  readonly password?: string;
  /** A device whose connection breaks is back after so long; default 1 s. */
  readonly reconnectMs?: number;
  /** Sleeps by the clock of the device; default the real one. */
  readonly sleep?: Sleep;
}

/**
 * The connections of one device, one after the other. The first must succeed at once; a device that finds no broker
 * after a boot tries again, as firmware does.
 */
export function createConnector(
  name: string,
  broker: DeviceBroker,
  signal: AbortSignal,
): () => Promise<BrokerClient> {
  let attempts = 1;
  return async () => {
    const client = await connectDevice(name, broker, signal, attempts);
    attempts = mostConnections;
    return client;
  };
}

async function connectDevice(
  name: string,
  { brokerUrl, ca, username, password, reconnectMs, sleep = bySystem }: DeviceBroker,
  signal: AbortSignal,
  attempts: number,
): Promise<BrokerClient> {
  const broker = parseBroker(brokerUrl);
  const connect = () =>
    openClient(
      {
        broker,
        tls: ca === undefined || !broker.tls ? {} : { ca },
        insecure: false,
        clientId: `ota-sim-${name}`,
        keepaliveSeconds: 60,
        protocolVersion: 4,
        sessionSeconds: 3600,
        timeoutMs: 30_000,
        ...(reconnectMs === undefined ? {} : { reconnectMs }),
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
      },
      { signal },
    );
  for (let attempt = 1; attempt < attempts; attempt += 1) {
    try {
      return await connect();
    } catch {
      await sleep(1000, signal);
    }
  }
  return await connect();
}

/** Tries of a device that has connected before: a broker that restarts is back by then. */
const mostConnections = 60;

import { onTestFinished } from 'vitest';
import { createBroker, type SimulatedBroker } from '../../tools/simulator/broker.ts';
import { createCertificateAuthority } from '../../tools/simulator/certificates.ts';
import { createHttpsReceiver, type HttpsReceiver } from '../../tools/simulator/https-receiver.ts';

/** A broker and a web server with TLS and credentials, and the variables that name them. */
export interface Servers {
  readonly broker: SimulatedBroker;
  readonly receiver: HttpsReceiver;
  /** PEM text of the authority that both are certified by. */
  readonly ca: string;
  readonly env: Record<string, string>;
}

/** Starts both; they are closed when the test ends. */
export async function startServers(): Promise<Servers> {
  const credentials = { username: 'engineer', password: 'correct-horse' };
  const authority = await createCertificateAuthority(new Date());
  const tls = await authority.issue({ names: ['127.0.0.1'] });
  const { username, password } = credentials;
  const broker = await createBroker({ tls, users: { [username]: password } });
  onTestFinished(() => broker.close());
  const receiver = await createHttpsReceiver({ tls, credentials });
  onTestFinished(() => receiver.close());
  return {
    broker,
    receiver,
    ca: authority.ca,
    env: {
      OTA_BROKER: broker.url,
      OTA_SERVER: receiver.url,
      OTA_USER: username,
      OTA_PASSWORD: password,
      OTA_BASIC: Buffer.from(`${username}:${password}`).toString('base64'),
    },
  };
}

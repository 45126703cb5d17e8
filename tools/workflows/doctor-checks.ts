import { connect as connectTls } from 'node:tls';
import { errorToJson, OtaError } from '../core/errors.ts';
import { checkExpiry, failed, type HealthCheck } from '../core/fleet/check.ts';
import type { Broker } from '../transports/mqtt/broker-url.ts';

/** The certificate as it is shown, whether it is trusted or not: trust is the connection's business. */
export async function checkCertificate(
  name: string,
  { host, port }: Pick<Broker, 'host' | 'port'>,
  now: Date,
): Promise<HealthCheck> {
  return await new Promise((resolve) => {
    const socket = connectTls({ host, port, servername: host, rejectUnauthorized: false });
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer in 10 s')));
    socket.once('secureConnect', () => {
      const { valid_to } = socket.getPeerCertificate();
      socket.destroy();
      resolve(checkExpiry(name, new Date(valid_to), now));
    });
    socket.once('error', (error) =>
      resolve(failed(name, error.message, 'Check host, port, and that TLS is spoken there.')),
    );
  });
}

/** A failure in the words of the error. Anything but an `OtaError` is a bug and passes through. */
export function fromError(name: string, error: unknown): HealthCheck {
  if (!(error instanceof OtaError)) throw error;
  const { message, hint, details = [] } = errorToJson(error);
  return failed(name, [message, ...details].join('; '), hint ?? 'See the message.');
}

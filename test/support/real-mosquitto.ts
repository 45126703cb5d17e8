import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { ServerTls } from '../../tools/simulator/server.ts';
import { type ChildServer, runClient, startChildServer } from './child-server.ts';
import { findFreePort } from './peers.ts';

export interface MosquittoOptions {
  readonly tls?: ServerTls;
  /** Passwords by user name; anonymous clients are let in when it is left out. */
  readonly users?: Readonly<Record<string, string>>;
  /** Lines of an ACL file (mosquitto.conf(5), acl_file). */
  readonly acl?: readonly string[];
  /** Keeps retained messages and sessions over a restart. */
  readonly persistence?: boolean;
  /** MQTT 5 Maximum Packet Size, announced in CONNACK. */
  readonly maxPacketSize?: number;
  /** Payload limit that is not announced. */
  readonly messageSizeLimit?: number;
  /** More lines of mosquitto.conf. */
  readonly more?: readonly string[];
}

export interface RealMosquitto extends ChildServer {
  /** Scheme, 127.0.0.1 and port. */
  readonly url: string;
  readonly port: number;
}

/** Starts Mosquitto on a free port of 127.0.0.1. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<RealMosquitto> {
  const port = await findFreePort();
  const server = await startChildServer({
    command: 'mosquitto',
    debianPackage: 'mosquitto mosquitto-clients',
    ready: /mosquitto version \S+ running/,
    async configure(folder) {
      await writeFile(join(folder, 'mosquitto.conf'), await configuration(options, port, folder));
      return ['-c', join(folder, 'mosquitto.conf')];
    },
  });
  const scheme = options.tls === undefined ? 'mqtt' : 'mqtts';
  return { ...server, url: `${scheme}://127.0.0.1:${port}`, port };
}

async function configuration(
  options: MosquittoOptions,
  port: number,
  folder: string,
): Promise<string> {
  const { tls, users, acl, persistence, maxPacketSize, messageSizeLimit } = options;
  const lines = [
    // Started by root it would become another user, who cannot read our files.
    `user ${userInfo().username}`,
    'log_dest stderr',
    'log_type all',
    ...(persistence === true ? ['persistence true', `persistence_location ${folder}/`] : []),
    ...(maxPacketSize === undefined ? [] : [`max_packet_size ${maxPacketSize}`]),
    ...(messageSizeLimit === undefined ? [] : [`message_size_limit ${messageSizeLimit}`]),
    `allow_anonymous ${users === undefined}`,
  ];
  const place = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  if (users !== undefined) lines.push(`password_file ${await passwordFile(users, folder)}`);
  if (acl !== undefined) lines.push(`acl_file ${await place('acl', `${acl.join('\n')}\n`)}`);
  lines.push(`listener ${port} 127.0.0.1`);
  if (tls !== undefined) {
    lines.push(`certfile ${await place('server.pem', tls.cert)}`);
    lines.push(`keyfile ${await place('server.key', tls.key)}`);
    if (tls.clientCa !== undefined) {
      lines.push(`cafile ${await place('clients.pem', tls.clientCa)}`, 'require_certificate true');
    }
  }
  return `${[...lines, ...(options.more ?? [])].join('\n')}\n`;
}

/** mosquitto_passwd replaces the plain passwords of a file by their hashes. */
async function passwordFile(
  users: Readonly<Record<string, string>>,
  folder: string,
): Promise<string> {
  const file = join(folder, 'passwords');
  const lines = Object.entries(users).map(([name, password]) => `${name}:${password}\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
  await runClient('mosquitto_passwd', ['-U', file]);
  return file;
}

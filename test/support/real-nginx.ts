import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { ServerTls } from '../../tools/simulator/server.ts';
import { type ChildServer, startChildServer } from './child-server.ts';
import { findFreePort } from './peers.ts';

export interface NginxOptions {
  readonly tls?: ServerTls;
  /** Asked for by Basic authentication. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** As nginx writes it: `1m`; no limit when it is left out. */
  readonly maxBodySize?: string;
  /** More lines for the location. */
  readonly more?: readonly string[];
  /** More lines for the server. */
  readonly server?: readonly string[];
}

export interface RealNginx extends ChildServer {
  /** Scheme, 127.0.0.1 and port. */
  readonly url: string;
  readonly port: number;
  /** Where uploads are stored, under the path of their URL. */
  readonly uploads: string;
}

/** Starts nginx on a free port of 127.0.0.1; it stores what is PUT (ngx_http_dav_module). */
export async function startNginx(options: NginxOptions = {}): Promise<RealNginx> {
  const port = await findFreePort();
  const server = await startChildServer({
    command: 'nginx',
    debianPackage: 'nginx',
    ready: /start worker process \d+/,
    async configure(folder) {
      await mkdir(join(folder, 'uploads'));
      const file = join(folder, 'nginx.conf');
      await writeFile(file, await configuration(options, port, folder));
      return ['-p', folder, '-c', file, '-e', 'stderr'];
    },
  });
  const scheme = options.tls === undefined ? 'http' : 'https';
  const uploads = join(server.folder, 'uploads');
  return { ...server, url: `${scheme}://127.0.0.1:${port}`, port, uploads };
}

async function configuration(options: NginxOptions, port: number, folder: string): Promise<string> {
  const { tls, credentials, maxBodySize = '0', more = [], server = [] } = options;
  const place = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  const secure: string[] = [];
  if (tls !== undefined) {
    secure.push(`ssl_certificate ${await place('server.pem', tls.cert)};`);
    secure.push(`ssl_certificate_key ${await place('server.key', tls.key)};`);
    if (tls.clientCa !== undefined) {
      secure.push(`ssl_client_certificate ${await place('clients.pem', tls.clientCa)};`);
      secure.push('ssl_verify_client on;');
    }
  }
  const locked: string[] = [];
  if (credentials !== undefined) {
    const { username, password } = credentials;
    const file = await place('passwords', `${username}:{PLAIN}${password}\n`);
    locked.push('auth_basic firmware;', `auth_basic_user_file ${file};`);
  }
  return `
daemon off;
# Root would give its workers another user, who cannot read our files; anybody else is told off for this line.
user ${userInfo().username};
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr notice;
events {}
http {
  access_log off;
  ${temporary.join('\n  ')}
  server {
    listen 127.0.0.1:${port}${tls === undefined ? '' : ' ssl'};
    ${secure.join('\n    ')}
    client_max_body_size ${maxBodySize};
    ${server.join('\n    ')}
    location / {
      root ${join(folder, 'uploads')};
      dav_methods PUT;
      create_full_put_path on;
      ${[...locked, ...more].join('\n      ')}
    }
  }
}
`;
}

import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type ChildServer, startChildServer } from './child-server.ts';

/** Writes a file that the settings name into the folder of the process; its path. */
export type Place = (name: string, text: string) => Promise<string>;

/** Starts nginx. @param http gives what stands in `http { … }` besides logs and places */
export async function startNginxProcess(
  http: (folder: string, place: Place) => Promise<string>,
): Promise<ChildServer> {
  return await startChildServer({
    command: 'nginx',
    debianPackage: 'nginx',
    ready: /start worker process \d+/,
    async configure(folder) {
      const place = async (name: string, text: string) => {
        await writeFile(join(folder, name), text);
        return join(folder, name);
      };
      const file = await place('nginx.conf', surround(await http(folder, place), folder));
      return ['-p', folder, '-c', file, '-e', 'stderr'];
    },
  });
}

function surround(text: string, folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
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
${text}
}
`;
}

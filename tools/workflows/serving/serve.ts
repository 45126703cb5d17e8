import { type ConfigValues, parseServiceConfig, type ServiceConfig } from '../../service/config.ts';
import { readJsonFile } from '../../workspace/json-file.ts';
import { prepareReports } from './serve-reports.ts';

export interface ServeOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: ConfigValues;
  /** Path of a file with settings. */
  readonly configFile: string | undefined;
  readonly signal: AbortSignal;
  now(): Date;
  random(): number;
  log(line: string): void;
  /** Called once requests are answered. */
  onReady(ready: {
    url: string;
    newAdminKey: string | undefined;
    config: ServiceConfig;
    /** URL of the broker without credentials, when there is one. */
    broker: string | undefined;
  }): void;
}

/**
 * Runs the service until the signal is aborted, then drains and flushes.
 *
 * @throws OtaError when it cannot start: settings, database, port
 */
export async function serve(options: ServeOptions): Promise<void> {
  const file =
    options.configFile === undefined
      ? undefined
      : await readJsonFile(
          options.configFile,
          'service-config-invalid',
          'Check --config, or leave it out.',
        );
  const config = parseServiceConfig(options.cwd, options.flags, options.env, file);
  const reports = config.mqtt && (await prepareReports(config.mqtt, options.random));
  const { startServer } = await import('../../service/server.ts');
  const server = await startServer({
    config,
    openFeed: reports?.open,
    now: () => options.now().getTime(),
    log: options.log,
  });
  options.onReady({
    url: server.url,
    newAdminKey: server.newAdminKey,
    config,
    broker: reports?.broker,
  });
  await new Promise<void>((resolve) => {
    if (options.signal.aborted) resolve();
    options.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await server.close();
}

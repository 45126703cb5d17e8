import { OtaError } from '../../core/errors.ts';
import type { DeviceNews } from '../../core/fleet/news/news.ts';
import type {
  IntakeAnswer,
  StatusIntake,
  UpdateCommand,
} from '../../core/fleet/news/status-intake.ts';
import type { ReleaseFacts } from '../../core/fleet/offers/release-facts.ts';
import { downloadUrl } from '../downloads/download-url.ts';
import { requireStorableNews } from '../http/texts.ts';
import type { Service } from '../service.ts';

export type IntakeParts = Pick<Service, 'settings' | 'catalog' | 'fleet' | 'links'>;

/** The model of devices that nobody has named one for. */
const unknownModel = 'unknown';

/** Takes what devices say over MQTT. */
export function createIntake(parts: IntakeParts): StatusIntake {
  const { fleet, settings } = parts;
  const inTurn = createTurns();
  const how = {
    fallbackModel: settings.mqttModel ?? unknownModel,
    // A device needs a whole address.
    offers: settings.publicUrl !== undefined,
  };
  return {
    take: (news) =>
      inTurn(news.deviceId, async (): Promise<IntakeAnswer> => {
        const refusal = unstorable(news) ?? (await refuse(parts, news));
        if (refusal !== undefined) return { outcome: 'refused', detail: refusal };
        const { outcome, detail, tell } = await fleet.hear(news, how);
        return {
          outcome,
          ...(detail === undefined ? {} : { detail }),
          ...(tell === undefined ? {} : { command: commandOf(parts, news.deviceId, tell) }),
        };
      }),
  };
}

/** Many messages are stored in one statement: one that no database can hold would fail all of them. */
function unstorable(news: DeviceNews): string | undefined {
  try {
    requireStorableNews(news);
    return;
  } catch (error) {
    if (error instanceof OtaError) return error.message;
    throw error;
  }
}

/**
 * The broker decides who may publish on a device's own topic. Where the name stands in the message only, anybody can
 * use it, so that devices of models that must show who they are cannot be heard there.
 */
async function refuse(
  { catalog, fleet }: IntakeParts,
  { deviceId, named, model }: DeviceNews,
): Promise<string | undefined> {
  const snapshot = catalog.current();
  if (named === 'by-topic' || snapshot.allModelsOpen) return;
  const known = (await fleet.find(deviceId))?.device.model;
  const guarded = [known, model].find(
    (name) => name !== undefined && snapshot.model(name).auth !== 'open',
  );
  if (guarded === undefined) return;
  return `a device of model ${guarded} needs a topic of its own`;
}

function commandOf(parts: IntakeParts, deviceId: string, release: ReleaseFacts): UpdateCommand {
  const catalog = parts.catalog.current();
  const row = catalog.releaseRow(release.id);
  if (row === undefined) throw new TypeError('a release that is offered is in the catalog');
  const path = downloadUrl(parts, row, deviceId, catalog);
  return {
    url: `${parts.settings.publicUrl ?? ''}${path}`,
    version: row.version,
    sha256: row.sha256,
  };
}

/** Runs work for one name after the other, and for different names at the same time. */
function createTurns(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const turn = (last.get(name) ?? Promise.resolve()).then(work, work);
    const done = turn.catch(() => undefined);
    last.set(name, done);
    void done.then(() => {
      if (last.get(name) === done) last.delete(name);
    });
    return turn;
  };
}

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CheckIn } from '../../core/fleet/attempts/check-in.ts';
import type { Attempt } from '../../core/fleet/attempts/record.ts';
import type { ReleaseFacts } from '../../core/fleet/offers/release-facts.ts';
import type { LinkQuery } from '../access/links.ts';
import { type IncomingReport, unknownDevice } from '../devices/fleet.ts';
import { demandsLink } from '../downloads/download-url.ts';
import type { Snapshot } from '../releases/catalog.ts';
import type { Service } from '../service.ts';
import type { ReleaseRow } from '../store/tables.ts';
import { id } from './schemas.ts';

/** What is offered, or why nothing is. */
export type DoorAnswer =
  | { readonly release: ReleaseRow; readonly catalog: Snapshot }
  | { readonly release: undefined; readonly reason: string };

/**
 * What happens to every device, whatever dialect it speaks: it shows who it is where its model asks for that, its rate is
 * limited (and not by what others send in its name), and then the fleet answers. A dialect parses, calls this, and shapes
 * the answer.
 */
export interface DeviceDoor {
  /** @throws OtaError `rate-limited`, `unauthorized`, `database-failed` */
  check(request: FastifyRequest, checkIn: CheckIn): Promise<DoorAnswer>;
  /** @throws OtaError the same, `device-unknown`, `release-unknown`, `transition-illegal` */
  report(
    request: FastifyRequest,
    report: IncomingReport,
  ): Promise<{ attempt: Attempt; release: ReleaseFacts }>;
  /** @throws OtaError `link-invalid`, `artifact-missing`, `range-invalid` */
  download(
    request: FastifyRequest<{ Querystring: LinkQuery }>,
    reply: FastifyReply,
    release: ReleaseRow,
  ): Promise<unknown>;
  /** The query that makes a download address valid; `undefined` where none is demanded. */
  linkFor(release: ReleaseRow, deviceId: string): string | undefined;
}

export function createDeviceDoor(app: FastifyInstance, service: Service): DeviceDoor {
  const { catalog, fleet, deviceAuth, links, downloads } = service;

  /** A report does not name the model; it must be known first, unless every model is open. */
  async function requireReporter(request: FastifyRequest, deviceId: string): Promise<void> {
    if (catalog.current().allModelsOpen) return;
    const record = await fleet.find(deviceId);
    if (record === undefined) throw unknownDevice(deviceId);
    await deviceAuth.require(request, deviceId, record.device.model, catalog.current());
  }

  /** The model by which a device that asks shows who it is: no word of its own takes it out of one that is guarded. */
  async function modelToShow({ id: deviceId, model }: CheckIn): Promise<string> {
    const snapshot = catalog.current();
    if (snapshot.allModelsOpen || snapshot.model(model).auth !== 'open') return model;
    return (await fleet.find(deviceId))?.device.model ?? model;
  }

  return {
    async check(request, checkIn) {
      const model = await modelToShow(checkIn);
      const before = catalog.current();
      await deviceAuth.require(request, checkIn.id, model, before);
      await app.limitDevice(request, checkIn.id);
      const imageSha256 = checkIn.imageSha256?.toLowerCase();
      const answer = await fleet.checkIn({ ...checkIn, imageSha256 });
      // What was read has told of changes at other nodes: a token that was revoked there is worth nothing here.
      if (answer.catalog.state !== before.state)
        await deviceAuth.require(request, checkIn.id, model, answer.catalog);
      if (!answer.offer.update) return { release: undefined, reason: answer.offer.reason };
      const release = answer.catalog.releaseRow(answer.offer.release.id);
      if (release === undefined) return { release, reason: 'no-release' };
      return { release, catalog: answer.catalog };
    },
    async report(request, report) {
      await requireReporter(request, report.deviceId);
      await app.limitDevice(request, report.deviceId);
      return fleet.report(report);
    },
    async download(request, reply, release) {
      // A signature is checked wherever there is one.
      if (demandsLink(service, release.model) || request.query.sig !== undefined)
        links.verify(release.id, request.query);
      return downloads.send(request, reply, release);
    },
    linkFor: (release, deviceId) =>
      demandsLink(service, release.model) ? links.sign(release.id, deviceId) : undefined,
  };
}

/** What a signed download address carries (seed 004). */
export const linkQuery = {
  device_id: id,
  expires: { type: 'string', maxLength: 12 },
  sig: { type: 'string', maxLength: 64 },
} as const;

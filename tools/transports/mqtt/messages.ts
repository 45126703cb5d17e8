import { Readable } from 'node:stream';
import { buildAnnouncement } from '../../core/fleet/commands/announcement.ts';
import type { ArtifactFacts, Payload } from '../../core/release/delivery.ts';
import type { MqttPlan } from './plan.ts';
import type { Message } from './publish.ts';

/** The bare binary; over MQTT 5 its properties say what it is (§3.3.2.3). */
export function firmwareMessage(plan: MqttPlan, payload: Payload): Message {
  const { version, sizeBytes, sha256, filename } = payload.facts;
  const signature = signatureOf(payload.facts);
  return {
    topic: plan.topic,
    qos: plan.qos,
    retain: plan.retain,
    sizeBytes,
    properties: {
      contentType: 'application/octet-stream',
      userProperties: { version, size: String(sizeBytes), sha256, filename, ...signature },
    },
    open: () => payload.stream(),
  };
}

/** Tells what was sent, and where: for devices and dashboards that want to know before they fetch. */
export function descriptionMessage(
  plan: MqttPlan,
  metadataTopic: string,
  facts: ArtifactFacts,
): Message {
  const { product, hardware, version, artifact, filename, sizeBytes, sha256 } = facts;
  const description = {
    product,
    hardware,
    version,
    artifact,
    filename,
    size: sizeBytes,
    sha256,
    ...signatureOf(facts),
    topic: plan.topic,
  };
  const bytes = Buffer.from(JSON.stringify(description));
  return {
    topic: metadataTopic,
    qos: plan.qos,
    retain: plan.retain,
    sizeBytes: bytes.length,
    properties: { contentType: 'application/json', payloadFormatIndicator: true },
    open: () => Readable.from([bytes]),
  };
}

/** Where the firmware is and how to check it (docs/fleet.md). */
export function announcementMessage(plan: MqttPlan, url: string, facts: ArtifactFacts): Message {
  const bytes = Buffer.from(JSON.stringify(buildAnnouncement(facts, url)));
  return {
    topic: plan.topic,
    qos: plan.qos,
    retain: plan.retain,
    sizeBytes: bytes.length,
    properties: { contentType: 'application/json', payloadFormatIndicator: true },
    open: () => Readable.from([bytes]),
  };
}

function signatureOf({ signature }: ArtifactFacts): { readonly signature?: string } {
  return signature === undefined ? {} : { signature };
}

import schema from '../../schemas/channel-https.schema.json' with { type: 'json' };
import { defineTransport } from './define.ts';
import { type HttpsChannel, planRequest, showSettings, showUrl } from './https/plan.ts';
import { addRollout } from './https/rollout.ts';
import { sendOverHttps } from './https/send.ts';

/** Hands an artifact to a web server in one request. */
export const https = defineTransport<HttpsChannel>({
  name: 'https',
  summary: 'uploads the firmware to a web server in one request',
  schema,
  example: { url: 'https://ota.example.com/firmware/{filename}' },
  startsRollouts: true,
  prepare(channel, { artifact, rollout }) {
    const request = planRequest(channel, artifact);
    const plan = rollout === undefined ? request : addRollout(request, rollout);
    return [
      {
        destination: `${plan.method} ${showUrl(plan.url)}`,
        settings: showSettings(plan),
        send: (payload, context) => sendOverHttps(plan, payload, context),
      },
    ];
  },
});

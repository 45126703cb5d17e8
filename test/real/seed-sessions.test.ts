import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { run } from '../support/run.ts';
import { adminKey, startService } from '../support/service.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-session-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs a line of a seed's document as it stands there, with our host and key in their places. */
function sessionWith(url: string) {
  return async (words: string): Promise<Record<string, never>> => {
    const command = words
      .replace(/http:\/\/(localhost|server):(8080|8000)/g, url)
      .replace('your-secret-api-key-here', adminKey)
      .replace('path/to/firmware.bin', 'firmware.bin')
      .replace('"Authorization: Bearer TOKEN"', `"Authorization: Bearer ${adminKey}"`);
    const { exitCode, output } = await run('bash', ['-c', command.replace('curl', 'curl -sS')], {
      cwd: folder,
    });
    expect(exitCode, output).toBe(0);
    return JSON.parse(output) as Record<string, never>;
  };
}

const firmware = (version: string): Uint8Array =>
  buildImage({ chip: 'esp32', project: 'app', version, sizeBytes: 4096 });

/** The document lists without a key; this service does not (it fails closed). */
const key = ` -H "X-API-Key: your-secret-api-key-here"`;
const createRollout = (body: string): string =>
  `curl -X POST "http://localhost:8080/api/admin/rollout/create" -H "Content-Type: application/json"${key} -d '${body}'`;

describe('the curl session of seed 003', () => {
  it('runs as written', async () => {
    const service = await startService();
    const curl = sessionWith(service.url);
    await writeFile(join(folder, 'firmware.bin'), firmware('1.0.0'));
    expect(
      await curl(`curl -X POST "http://localhost:8080/api/admin/firmware/upload?version=1.0.0&device_model=esp32&is_signed=true&release_notes=Initial+release" \\
  -H "X-API-Key: your-secret-api-key-here" \\
  -F "file=@path/to/firmware.bin"`),
    ).toMatchObject({ status: 'success', version: '1.0.0', file_size: 4096 });
    for (const body of [
      `{"name": "v1.0.0-test", "firmware_version": "1.0.0", "device_model": "esp32", "target_type": "specific",
        "target_filter": {"device_ids": ["esp32_001", "esp32_002"]}, "is_active": true}`,
      `{"name": "v1.0.0-canary", "firmware_version": "1.0.0", "device_model": "esp32", "target_type": "canary",
        "rollout_percentage": 10, "is_active": true}`,
      `{"name": "v1.0.0-production", "firmware_version": "1.0.0", "device_model": "esp32", "target_type": "all",
        "rollout_percentage": 100, "is_active": true}`,
      `{"name": "v1.0.0-warehouse-sensors", "firmware_version": "1.0.0", "device_model": "esp32", "target_type": "group",
        "target_filter": {"groups": ["location:warehouse", "function:sensor"]}, "rollout_percentage": 100, "is_active": true}`,
    ])
      expect(await curl(createRollout(body))).toMatchObject({ status: 'success' });

    await writeFile(join(folder, 'firmware.bin'), firmware('1.2.0'));
    await curl(
      `curl -X POST "http://localhost:8080/api/admin/firmware/upload?version=1.2.0&device_model=esp32"${key} -F "file=@path/to/firmware.bin"`,
    );
    await curl(
      createRollout(`{"name": "v1.2.0-warehouse-phase1", "firmware_version": "1.2.0", "device_model": "esp32",
      "target_type": "group", "target_filter": {"groups": ["location:warehouse"]}, "rollout_percentage": 25, "is_active": true}`),
    );
    expect(
      await curl(`curl -X PATCH "http://localhost:8080/api/admin/rollout/v1.2.0-warehouse-phase1" \\
  -H "Content-Type: application/json" \\
  -H "X-API-Key: your-secret-api-key-here" \\
  -d '{"rollout_percentage": 100}'`),
    ).toMatchObject({ rollout: { rollout_percentage: 100, state: 'running' } });

    expect(
      await curl(
        'curl "http://localhost:8080/api/firmware/check?device_id=esp32_001&device_model=esp32&current_version=0.9.0"',
      ),
    ).toMatchObject({ update_available: true, latest_version: '1.0.0' });
    expect(await curl(`curl "http://localhost:8080/api/admin/devices"${key}`)).toMatchObject({
      devices: [{ device_id: 'esp32_001' }],
    });
    const found = await run('bash', [
      '-c',
      `curl -sS "${service.url}/api/admin/devices?limit=1000" -H "X-API-Key: ${adminKey}" | grep -o esp32_001`,
    ]);
    expect(found.output.trim()).toBe('esp32_001');
    expect(
      await curl(
        `curl "http://localhost:8080/api/admin/firmware/releases?device_model=esp32"${key}`,
      ),
    ).toMatchObject({ releases: [{ version: '1.2.0' }, { version: '1.0.0', is_signed: true }] });
    expect(
      await curl(`curl "http://localhost:8080/api/admin/update-status?limit=50"${key}`),
    ).toMatchObject({ updates: [{ device_id: 'esp32_001', status: 'pending' }] });
    expect(
      await curl(`curl "http://localhost:8080/api/admin/update-status?device_id=esp32_001"${key}`),
    ).toMatchObject({ updates: [{ firmware_version: '1.0.0' }] });
    expect(await curl('curl "http://localhost:8080/metrics"')).toMatchObject({
      total_devices: 1,
      active_rollouts: 5,
    });
    expect(await curl('curl "http://localhost:8080/health"')).toEqual({ status: 'healthy' });
  });
});

describe('the curl session of seed 004', () => {
  it('runs as written', async () => {
    const service = await startService();
    const curl = sessionWith(service.url);
    const bytes = firmware('1.1.0');
    await writeFile(join(folder, 'firmware.bin'), bytes);
    const upload = await curl(`curl -F "file=@firmware.bin" \\
     -F "device_type=scales_bridge_tab5" \\
     -F "version=1.1.0" \\
     -H "Authorization: Bearer TOKEN" \\
     http://server:8000/api/ota/admin/upload`);
    expect(upload).toMatchObject({ success: true, binary_path: 'scales_bridge_tab5/v1.1.0.bin' });
    const details = {
      ...upload,
      build_number: 1,
      is_stable: true,
      success: undefined,
      raw_version: undefined,
      warnings: undefined,
    };
    expect(
      await curl(`curl -X POST http://localhost:8000/api/ota/admin/firmware \\
  -H "Authorization: Bearer TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '${JSON.stringify(details)}'`),
    ).toMatchObject({ id: 1, version: '1.1.0', is_stable: true });
    expect(
      await curl(`curl http://localhost:8000/api/ota/check \\
  -X POST \\
  -H "Content-Type: application/json" \\
  -d '{"device_id": 1, "device_type": "scales_bridge_tab5", "current_version": "1.0.0", "current_build": 1}'`),
    ).toMatchObject({ update_available: true, firmware_id: 1, file_size: bytes.length });
    await service.call('POST', '/api/ota/status', {
      device_id: 1,
      firmware_id: 1,
      status: 'success',
    });
    expect(
      await curl(`curl http://server:8000/api/ota/admin/logs?status=success \\
     -H "Authorization: Bearer TOKEN"`),
    ).toMatchObject([{ device_id: 1, status: 'success' }]);
  });
});

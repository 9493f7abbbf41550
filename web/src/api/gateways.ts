import { request } from "./client";
import type { GatewayList, GatewayMade, GatewayWritten } from "./types";

const GATEWAYS = "/api/gateways";

export async function fetchGateways(signal?: AbortSignal): Promise<GatewayList> {
  return (await request<GatewayList>(GATEWAYS, signal ? { signal } : {})).data;
}

/** Makes a credential for a gateway of somebody else. */
export async function createGateway(gateway: GatewayWritten): Promise<GatewayMade> {
  return (await request<GatewayMade>(GATEWAYS, { method: "POST", json: gateway })).data;
}

export async function removeGateway(name: string): Promise<void> {
  await request(`${GATEWAYS}/${encodeURIComponent(name)}`, { method: "DELETE" });
}

export async function forgetIdentityKey(kid: string): Promise<void> {
  await request(`${GATEWAYS}/identity-keys/${encodeURIComponent(kid)}`, { method: "DELETE" });
}

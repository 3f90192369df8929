/** The service worker: the shell from its cache, storey packs and what was read last when the network is away. */
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'
import { isKept, lastRead, storedPack } from './offline/reading'

declare const self: ServiceWorkerGlobalScope

void self.skipWaiting()
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

precacheAndRoute(self.__WB_MANIFEST)
cleanupOutdatedCaches()
registerRoute(
  new NavigationRoute(createHandlerBoundToURL('/index.html'), { denylist: [/^\/(api|healthz|openapi\.json)/] }),
)

registerRoute(
  ({ request, url }) => request.method === 'GET' && isKept(url),
  async ({ request }) => (await storedPack(request)) ?? (await lastRead(request)),
)

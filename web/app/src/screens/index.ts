import {
  IconBuilding,
  IconChartBar,
  IconCloudOff,
  IconFileText,
  IconHelmet,
  IconMapPin,
  IconSettings,
  IconSun,
  IconUpload,
} from '@tabler/icons-react'
import { lazy } from 'react'

/** Every screen: its address, its word, its picture; fetched when it is first opened. */
export const SCREENS = [
  { path: '/', name: 'today', icon: IconSun, minor: false, screen: lazy(() => import('./Today')) },
  { path: '/model', name: 'model', icon: IconBuilding, minor: false, screen: lazy(() => import('./Model')) },
  { path: '/progress', name: 'progress', icon: IconChartBar, minor: true, screen: lazy(() => import('./Progress')) },
  { path: '/issues', name: 'issues', icon: IconMapPin, minor: false, screen: lazy(() => import('./Issues')) },
  { path: '/safety', name: 'safety', icon: IconHelmet, minor: false, screen: lazy(() => import('./Safety')) },
  { path: '/reports', name: 'reports', icon: IconFileText, minor: true, screen: lazy(() => import('./Reports')) },
  { path: '/uploads', name: 'uploads', icon: IconUpload, minor: true, screen: lazy(() => import('./Uploads')) },
  { path: '/offline', name: 'offline', icon: IconCloudOff, minor: true, screen: lazy(() => import('./Offline')) },
  { path: '/settings', name: 'settings', icon: IconSettings, minor: true, screen: lazy(() => import('./Settings')) },
] as const

export const Calibrate = lazy(() => import('./Calibrate'))
export const Cockpit = lazy(() => import('./Cockpit'))
export const SignIn = lazy(() => import('./SignIn'))

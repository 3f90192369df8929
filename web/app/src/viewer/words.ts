/** The viewer's words. They come with its chunk, so that the shell stays small. */

import { useTranslation } from 'react-i18next'

const en = {
  colourBy: 'Colour by',
  modes: { state: 'State', deviation: 'Deviation', trade: 'Trade', confidence: 'Confidence', date: 'Date' },
  classes: {
    built: 'built', partial: 'partial', displaced: 'displaced', absent: 'absent', unseen: 'unseen', unjudged: 'not compared',
    within: 'within tolerance', slight: 'up to 30 mm', large: '30 to 60 mm', gross: 'over 60 mm', unmeasured: 'not measured',
    ground: 'groundworks', structure: 'structure', walls: 'walls', openings: 'doors, windows', finishes: 'finishes',
    services: 'services', furniture: 'furniture', other: 'other',
    sure: '99 % and more', likely: '90 to 99 %', fair: '70 to 90 %', doubtful: 'below 70 %', none: 'unseen',
    done: 'due, not absent', running: 'in progress', late: 'due, but absent', future: 'not yet due', undated: 'no date',
  },
  storey: 'Storey', allStoreys: 'All storeys', noStorey: 'Without storey', show: 'Show',
  panes: { both: '3D and plan', model: '3D', plan: 'Plan', list: 'List' },
  cut: 'Cut at', uncut: '–', day: 'Day', metres: (height: string) => `${height} m`,
  scan: (name: string) => `Scan: ${name}`, points: (shown: string, of: string) => `${shown} of ${of} points`,
  scanFailed: 'This scan could not be shown.',
  canvas: 'Model in 3D. Arrow keys turn it, plus and minus zoom, Home shows all of it. The list holds every element.',
  planOf: (storey: string) => `Plan of ${storey}`,
  list: 'Elements', find: 'Find by name, class or id', more: (n: number) => `Show ${n} more`, found: (n: number) => `${n} elements`,
  view: 'View', nearer: 'Nearer', farther: 'Farther', left: 'Turn left', right: 'Turn right', up: 'Look from higher', down: 'Look from lower',
  moveLeft: 'Move left', moveRight: 'Move right', moveUp: 'Move up', moveDown: 'Move down', fit: 'Show all', above: 'From above', focus: 'Go to the selected element',
  loading: 'Fetching the model …', surfaces: (done: number, of: number) => `Storey ${done} of ${of} …`,
  failed: 'The model could not be fetched. Without a network it is here once its pack was fetched.', again: 'Try again',
  someFailed: 'Some storeys could not be fetched.',
  noWebGL: 'This browser cannot draw in 3D (WebGL 2 is off or missing). The plan and the list show every element.',
  lost: 'The device stopped the 3D view. It comes back by itself; the plan and the list work meanwhile.',
  legend: 'Legend: press to hide or show', selected: 'Selected', empty: 'No element here.',
}

const zh: typeof en = {
  colourBy: '着色方式',
  modes: { state: '状态', deviation: '偏差', trade: '专业', confidence: '置信度', date: '日期' },
  classes: {
    built: '已建成', partial: '部分完成', displaced: '偏位', absent: '未建', unseen: '未扫到', unjudged: '未比对',
    within: '允许偏差内', slight: '30 毫米以内', large: '30 至 60 毫米', gross: '超过 60 毫米', unmeasured: '无法测量',
    ground: '基础与场地', structure: '结构', walls: '墙体', openings: '门窗', finishes: '装饰', services: '机电',
    furniture: '家具', other: '其他',
    sure: '99% 及以上', likely: '90% 至 99%', fair: '70% 至 90%', doubtful: '低于 70%', none: '未扫到',
    done: '已到期，未见缺失', running: '进行中', late: '已到期但未建', future: '未到期', undated: '无日期',
  },
  storey: '楼层', allStoreys: '所有楼层', noStorey: '未分楼层', show: '显示',
  panes: { both: '三维和平面', model: '三维', plan: '平面', list: '列表' },
  cut: '剖切高度', uncut: '–', day: '日期', metres: (height) => `${height} 米`,
  scan: (name) => `扫描：${name}`, points: (shown, of) => `已显示 ${shown} / ${of} 点`,
  scanFailed: '无法显示此扫描。',
  canvas: '三维模型。方向键旋转，加减键缩放，Home 键显示全部。列表中有每个构件。',
  planOf: (storey) => `${storey} 平面图`,
  list: '构件', find: '按名称、类别或编号查找', more: (n) => `再显示 ${n} 个`, found: (n) => `${n} 个构件`,
  view: '视角', nearer: '拉近', farther: '拉远', left: '左转', right: '右转', up: '抬高视角', down: '降低视角',
  moveLeft: '左移', moveRight: '右移', moveUp: '上移', moveDown: '下移', fit: '显示全部', above: '俯视', focus: '转到所选构件',
  loading: '正在获取模型……', surfaces: (done, of) => `楼层 ${done} / ${of}……`,
  failed: '无法获取模型。预先下载数据包后，没有网络也可以查看。', again: '重试',
  someFailed: '部分楼层无法获取。',
  noWebGL: '此浏览器无法显示三维（WebGL 2 不可用）。平面图和列表包含每个构件。',
  lost: '设备停止了三维显示，会自动恢复；在此期间可使用平面图和列表。',
  legend: '图例：按下可隐藏或显示', selected: '已选中', empty: '此处没有构件。',
}

export function useWords(): typeof en {
  return useTranslation().i18n.language === 'zh' ? zh : en
}

"""The words of the tables, in Chinese and English."""

from collections.abc import Mapping

from kpicli.messages import Language

_WORDS: Mapping[str, tuple[str, str]] = {
    "kpi": ("指标", "KPI"),
    "value": ("本月", "This month"),
    "parts": ("分子/分母", "Parts"),
    "previous": ("上月", "Last month"),
    "target": ("目标", "Target"),
    "attainment": ("达成", "Attained"),
    "status": ("状态", "Status"),
    "good": ("达标", "good"),
    "near": ("接近", "near"),
    "bad": ("未达", "bad"),
    "no_rows": ("本期无数据", "no rows"),
    "zero_denominator": ("分母为零", "zero below"),
    "source_missing": ("缺数据表", "no source"),
    "history_missing": ("缺历史数据", "no history"),
    "dealer": ("经销商", "Dealer"),
    "consultant": ("销售顾问", "Consultant"),
    "model": ("车型", "Model"),
    "source": ("信息来源", "Source"),
    "channel": ("渠道", "Channel"),
    "week": ("周", "Week"),
    "day": ("日", "Day"),
    "all_dealers": ("全部经销商", "all dealers"),
    "file": ("文件 · 工作表", "File · sheet"),
    "form": ("表", "Form"),
    "rows": ("行", "Rows"),
    "stored": ("入库", "Stored"),
    "unchanged": ("已有", "Known"),
    "set_aside": ("搁置", "Aside"),
    "not_data": ("非数据", "Not data"),
    "state": ("结果", "Result"),
    "state_stored": ("已入库", "stored"),
    "state_unchanged": ("无变化", "unchanged"),
    "state_partly": ("部分入库", "partly"),
    "state_refused": ("未读取", "refused"),
    "state_skipped": ("跳过", "skipped"),
    "total": ("合计", "Total"),
    "nothing_new": ("没有新内容：全部行都已入库", "nothing new: every row is in the store already"),
    "dry_run": ("试读，未写入任何数据", "dry run, nothing was written"),
    "account": (
        "数据来源：{files} 个文件 {rows:,} 行 = 数据 {data:,} + 搁置 {set_aside:,} + 非数据 {not_data:,}",
        "Data: {files} files, {rows:,} rows = {data:,} data + {set_aside:,} set aside + {not_data:,} not data",
    ),
    "key": ("代码", "Key"),
    "label": ("名称", "Label"),
    "columns": ("列", "Columns"),
    "column": ("列", "Column"),
    "type": ("类型", "Type"),
    "required": ("必填", "Required"),
    "headers": ("认得的表头", "Headers"),
    "formula": ("公式", "Formula"),
    "unit": ("单位", "Unit"),
    "measure": ("度量", "Measure"),
    "measures": ("度量数", "Measures"),
    "kpis": ("指标数", "KPIs"),
    "counts": ("口径", "Counts"),
    "over_one": ("可以超过 100%", "may exceed 100%"),
    "definition": ("定义", "Definition"),
    "no_mistakes": ("定义没有错误", "no mistakes"),
}


def word(key: str, language: Language) -> str:
    """A word of the tables."""
    return _WORDS[key][0 if language == "zh" else 1]

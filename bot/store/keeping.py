def keep_report(url, report, lang):
    return None

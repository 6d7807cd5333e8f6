"""The one catalogue 目录: what every unit has filed, as its node told it, under the rule of sight.

Fed by the nodes' streams; records in an archive's custody are that archive's to correct.
"""
